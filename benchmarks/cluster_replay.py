"""benchmarks.replay_under_load on servers: `python -m benchmarks.cluster_replay`. Needs the extra `cluster`."""

from __future__ import annotations

import sys

from benchmarks.replay_under_load import main
from benchmarks.replay_under_load import rows_on_servers as rows

__all__ = ["rows"]

if __name__ == "__main__":
    main(["--servers", *sys.argv[1:]])
