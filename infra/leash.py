"""Runs a module as `python -m` does, and ends it when whoever started it is gone: `python -m infra.leash MODULE …`.

The starter holds the other end of this process's standard input. However it ends, by `kill -9` too, the kernel closes
that end; then this process is asked to stop, and killed where it does not. Works wherever there are pipes.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading

GRACE_SECONDS = 10.0  # a stop takes the batch in hand: milliseconds; this is a hang


def _watch() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(GRACE_SECONDS)  # this thread ends with its process: only a hang gets past this line
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Run the module named by the first argument with the others as its own."""
    threading.Thread(target=_watch, name="leash", daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
