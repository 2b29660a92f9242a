"""benchmarks.replay_under_load on servers: `python -m benchmarks.cluster_replay`. Needs the extra `cluster`."""

from __future__ import annotations

from benchmarks.replay_under_load import rows_on_servers as rows

__all__ = ["rows"]

if __name__ == "__main__":
    for row in rows():
        print(row)
