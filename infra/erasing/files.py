"""The copies of facts on files: read models, and what SQLite leaves of deleted rows.

Guarantee:  after `scrub` no file of the data folder holds a row that was deleted before, but those that it names: every
            file is written with secure_delete, its write-ahead log is emptied, and full-text indices are merged, so
            that words of deleted texts are in no segment of theirs
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import apsw

from infra.archive.opening import archived
from infra.clock import SystemClock
from infra.generations.changes import Generations
from infra.generations.files import FileGenerations
from infra.generations.record import State
from infra.log.embedded import EmbeddedLogReader
from infra.sqlite.connections import Durability, open_reader, open_writer, rows, run_script, scalar
from infra.sqlite.projection_store import generation_path
from infra.status import PROJECTION_TOPICS, kept

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from infra.log.port import LogReader, Position
    from infra.settings import Settings

_NEXT = "SELECT next_offset FROM checkpoints WHERE topic = ? AND partition = ?"
_FULL_TEXT = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%USING fts5%'"
_UNFOLLOWED = (State.FROZEN, State.FAILED, State.DROPPING)


class FileCopies:
    """The files of a data folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._generations = FileGenerations(settings.projections_dir)

    def behind(self, positions: Sequence[Position]) -> list[str]:
        """Return which of those that are kept up have not passed the positions yet."""
        return [
            f"{name}: generation {number}"
            for name in kept(self._settings)
            for number in self._numbers(name, State.FOLLOWING)
            if not _has_passed(
                generation_path(self._settings.projections_dir, name, number),
                [it for it in positions if it.topic in PROJECTION_TOPICS[name]],
            )
        ]

    def log(self) -> AbstractContextManager[LogReader]:
        """Open the log, with its archive before it; blocks, and is for a thread."""
        return closing(archived(self._settings, EmbeddedLogReader(self._settings.log_dir)))

    def scrub(self) -> list[str]:
        """Overwrite what was deleted, and let go of builds that nobody keeps up; return what remains, for a person."""
        changes = Generations(self._generations, SystemClock(), "erasure")
        for name in kept(self._settings):
            for number in self._numbers(name, *_UNFOLLOWED):
                changes.drop(name, number, also_previous=True)
                for path in self._files_of(name, number):
                    path.unlink(missing_ok=True)
                changes.forget(name, number)
        strays = [f"{path}: nobody keeps it up; `murmur generations gc` deletes it" for path in self._strays()]
        return strays + [f"{path}: {why}" for path in self._files() if (why := _scrubbed(path))]

    def _numbers(self, name: str, *states: State) -> list[int]:
        return [it.number for it in self._generations.of(name).generations if it.state in states]

    def _files_of(self, name: str, number: int) -> Iterator[Path]:
        path = generation_path(self._settings.projections_dir, name, number)
        yield from path.parent.glob(f"{path.name}*")

    def _files(self) -> Iterator[Path]:
        return self._settings.data_dir.rglob("*.db")

    def _strays(self) -> Iterator[Path]:
        for name in kept(self._settings):
            known = {f"g{number}.db" for number in self._numbers(name, *State)}
            yield from (it for it in (self._settings.projections_dir / name).glob("*.db") if it.name not in known)


def _has_passed(path: Path, positions: Sequence[Position]) -> bool:
    if not path.exists():
        return True  # nothing is in it
    try:
        with closing(open_reader(path)) as file:
            return all((scalar(file, _NEXT, (it.topic, it.partition)) or 0) > it.offset for it in positions)
    except apsw.Error:
        return False  # it is only just made


def _scrubbed(path: Path) -> str:
    """Return why what was deleted may be left in a file, or nothing."""
    try:
        with closing(open_writer(path, Durability.NORMAL)) as file:
            for (table,) in rows(file, _FULL_TEXT):
                run_script(file, f"INSERT INTO {table} ({table}) VALUES ('optimize')")
            if scalar(file, "PRAGMA wal_checkpoint(TRUNCATE)"):  # waits for snapshots as for locks: BUSY_TIMEOUT_MS
                return "its write-ahead log is in use"
    except apsw.Error as error:
        return f"{type(error).__name__}: {error}"
    return ""
