"""Keeps the record of generations in files: `<projections>/<name>/generations.json`, replaced as a whole.

Guarantee:  a change is decided and written under a lock, to a file beside, flushed, and renamed: a reader sees the
            record before or after it, and a process that is killed anywhere leaves one of the two
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import apsw
import msgspec

from infra.generations.record import UNKNOWN_VERSION, Record, unrecorded
from infra.log.doorbell import Bell
from infra.sqlite.connections import open_reader, scalar
from infra.sqlite.projection_store import generation_path
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FILE = "generations.json"
LOCK_FILE = "generations.lock"
LOCK_SECONDS = 10.0  # a change takes two flushes of the disk
_LOCK_POLL_SECONDS = 0.01

_Identity = tuple[int, int, int]


class FileGenerations:
    """The records of all projections of a data folder (Kept); `folder` is that of the projections."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, tuple[_Identity | None, Record]] = {}

    def path(self, projection: str) -> Path:
        """Return the file of a projection's record; changes ring its bell."""
        return self._folder / projection / FILE

    def of(self, projection: str) -> Record:
        """Return what is recorded; costs one `stat` where nothing changed. Raises TroubleError."""
        path = self.path(projection)
        identity = _identity(path)
        known = self._known.get(projection)
        if known is None or known[0] != identity:
            known = self._known[projection] = (identity, _read(path, projection))
        return known[1]

    def change(self, projection: str, decide: Callable[[Record], Record]) -> Record:
        """Replace the record by what is decided upon it; return that."""
        path = self.path(projection)
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.parent / LOCK_FILE):
            before = _read(path, projection)
            if not path.exists():
                before = unrecorded(projection, _stored_version(generation_path(self._folder, projection)))
            after = decide(before)
            if after != before:
                _replace(path, msgspec.json.encode(after))
        with closing(Bell(path)) as bell:
            bell.ring()
        return after


def _identity(path: Path) -> _Identity | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _read(path: Path, projection: str) -> Record:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except (FileNotFoundError, NotADirectoryError):
        return unrecorded(projection)
    except (OSError, msgspec.MsgspecError) as error:
        remedy = "bring it back from a backup, or delete it: generation 1 is then read"
        raise TroubleError(f"{path} cannot be read ({error})", remedy) from error


def _stored_version(path: Path) -> int:
    """Return by which version a file was made that is not on record."""
    try:
        with closing(open_reader(path)) as connection:
            return int(scalar(connection, "SELECT schema_version FROM store") or UNKNOWN_VERSION)
    except apsw.Error:
        return UNKNOWN_VERSION


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_suffix(".new")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(file, path)
        yield
    finally:
        os.close(file)


def _take(file: int, path: Path) -> None:
    give_up_at = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > give_up_at:
                raise TroubleError(f"{path} is held by another process", "end that process, or wait for it") from error
            time.sleep(_LOCK_POLL_SECONDS)  # the kernel tells nobody when a lock is given back in time
        else:
            return
