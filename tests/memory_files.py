"""Files of tests that make thousands of short-lived ones: in memory, where the machine has room for files there."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 - on a disk each file waits for its fsyncs
MEMORY = _MEMORY if _MEMORY.is_dir() else None  # as `dir` of tempfile's functions


class MemoryFiles:
    """A folder of SQLite files, which is deleted when the process ends."""

    def __init__(self, prefix: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY))
        atexit.register(shutil.rmtree, self._folder)

    def fresh(self, name: str) -> Path:
        """Return the path of a file that is not there any more, nor what SQLite kept beside it."""
        for old in self._folder.glob(f"{name}.db*"):
            old.unlink()
        return self._folder / f"{name}.db"
