"""Keeps what is written to one writing process: an flock on a file beside it, which goes with its process."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from infra.trouble import TroubleError

if TYPE_CHECKING:
    from pathlib import Path


REPLAY_LOCK = "replay.lock"  # in a projection's folder: of the replay or audit that works on it
LOCK_SUFFIX = ".lock"


class FileLock:
    """Holds the lock from construction to `close`; raises TroubleError where another process has it."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._file, 20, 0).decode() or "?"
            os.close(self._file)
            what = f"{file.with_suffix('')} is written by another process (pid {holder})"
            raise TroubleError(what, "stop that one first") from error
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def close(self) -> None:
        """Give the lock back; the file stays: to remove it would leave room for two locks at once."""
        os.close(self._file)


class WriterLock(FileLock):
    """The lock of one generation of a projection, on files: whoever holds it is the one writer of its store."""

    def __init__(self, store: Path) -> None:
        """Take the lock of the store whose file this is, there or not yet."""
        super().__init__(store.with_suffix(LOCK_SUFFIX))
