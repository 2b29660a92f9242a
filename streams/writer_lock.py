"""Keeps a projection to one writing process: an flock in the projection's folder, which goes with its process."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from infra.trouble import TroubleError

if TYPE_CHECKING:
    from pathlib import Path

LOCK_FILE = "writer.lock"


class WriterLock:
    """Holds the lock from construction to `close`; raises TroubleError where another process has it."""

    def __init__(self, folder: Path, name: str = LOCK_FILE) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._file, 20, 0).decode() or "?"
            os.close(self._file)
            raise TroubleError(
                f"{folder} is written by another process (pid {holder})", "stop that one first"
            ) from error
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def close(self) -> None:
        """Give the lock back; the file stays: to remove it would leave room for two locks at once."""
        os.close(self._file)
