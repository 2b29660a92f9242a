"""Ends servers when whoever started them is gone: it hears of each on standard input, and kills all at its end.

Started by infra.servers.fleet as a process of its own. However the starter ends, by `kill -9` too, the kernel closes
the pipe.
"""

from __future__ import annotations

import sys

from infra.servers.process import Process


def main() -> None:
    """Read `pid born` lines; kill those that still live when there are no more."""
    told = [Process(*map(int, line.split())) for line in sys.stdin]
    for process in told:
        process.kill()


if __name__ == "__main__":
    main()
