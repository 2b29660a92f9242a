"""One owner at a time for a data directory: who runs projections holds a lock, and says in it who and where it is.

The lock is the kernel's (flock): it goes with its process, however that ends, so a file that is left is never in the
way. `stale` tells of such a file, for the doctor.
"""

from __future__ import annotations

import fcntl
import json
import os
from typing import TYPE_CHECKING, Any, Self

from infra.trouble import TroubleError

if TYPE_CHECKING:
    from pathlib import Path

LOCK_FILE = "up.lock"


class DataLock:
    """Holds the lock from construction to `close`; raises TroubleError where another process has it."""

    def __init__(self, data_dir: Path, owner: str, **facts: Any) -> None:
        self._file = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._file)
            holder = read(data_dir) or {}
            raise TroubleError(
                f"{data_dir} is in use by `{holder.get('owner', 'another process')}` (pid {holder.get('pid', '?')})",
                "stop that one first, or name another folder with --data",
            ) from error
        self._facts = {"owner": owner, "pid": os.getpid(), **facts}
        self.tell()

    def tell(self, **facts: Any) -> None:
        """Write facts about the owner for others to read."""
        self._facts.update(facts)
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, json.dumps(self._facts).encode(), 0)

    def close(self) -> None:
        """Give the lock back; the file stays, empty: to remove it would leave room for two locks at once."""
        os.ftruncate(self._file, 0)
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read(data_dir: Path) -> dict[str, Any] | None:
    """Return what the file says, whether or not its owner lives; None where it says nothing."""
    try:
        facts: dict[str, Any] = json.loads((data_dir / LOCK_FILE).read_bytes())
    except (OSError, ValueError):
        return None
    return facts


def owner(data_dir: Path) -> dict[str, Any] | None:
    """Return what the living owner says of itself, or None where nobody holds the lock."""
    return read(data_dir) if _held(data_dir) else None


def stale(data_dir: Path) -> dict[str, Any] | None:
    """Return what a file says whose owner is gone, or None."""
    return None if _held(data_dir) else read(data_dir)


def _held(data_dir: Path) -> bool:
    try:
        file = os.open(data_dir / LOCK_FILE, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False
