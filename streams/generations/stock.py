"""What there is of the generations of a system, and how it is deleted: the port, and files."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Protocol

import apsw

from infra.generations.files import FileGenerations
from infra.log.embedded import EmbeddedLogReader
from infra.sqlite.projection_store import SqliteProjectionReader, generation_path
from infra.trouble import TroubleError
from streams.writer_lock import LOCK_SUFFIX, REPLAY_LOCK, FileLock, WriterLock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from infra.generations.record import Kept
    from infra.log.port import TopicPartition
    from infra.settings import Settings
    from streams.parts import Projection


class Stock(Protocol):
    """All of it; raises TroubleError."""

    @property
    def kept(self) -> Kept:
        """The records."""

    readers_let_go_s: float
    """How long after a generation was dropped somebody may still read it."""

    def version(self, projection: Projection) -> int:
        """Return which version of a projection's stores this program writes and reads."""

    def ends(self, topics: Sequence[str]) -> Mapping[TopicPartition, int]:
        """Return where the partitions of the topics end."""

    def checkpoints(self, projection: Projection, number: int) -> Mapping[TopicPartition, int] | None:
        """Return how far a generation is; None where there is nothing of it."""

    def used_by(self, projection: Projection, number: int) -> str:
        """Tell who writes a generation, or nothing."""

    def parts(self, projection: Projection, number: int) -> Sequence[str]:
        """Return what there is of a generation, for people."""

    def delete(self, projection: Projection, number: int) -> None:
        """Delete all there is of a generation; a repeat goes on."""

    def strays(self, projection: Projection) -> Sequence[int]:
        """Return the numbers of which there is something, though they are on no record."""

    def close(self) -> None:
        """Let go of it."""


class FileStock:
    """Generations in a data folder."""

    readers_let_go_s = 0.0  # a file that is deleted lives on until its last reader has closed it

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = settings.projections_dir
        self.kept = FileGenerations(self._folder)

    def version(self, projection: Projection) -> int:
        """Return the version of the store on files."""
        return projection.schema_version

    def ends(self, topics: Sequence[str]) -> Mapping[TopicPartition, int]:
        """Return where the partitions of the topics end; none where there is no log."""
        try:
            log = EmbeddedLogReader(self._settings.log_dir)
        except apsw.Error:
            return {}
        with closing(log):
            return log.end_offsets(topics)

    def checkpoints(self, projection: Projection, number: int) -> Mapping[TopicPartition, int] | None:
        """Return how far the file of a generation is."""
        try:
            reader = SqliteProjectionReader(self._path(projection, number))
        except apsw.Error:  # none, or it is only just being made
            return None
        with closing(reader):
            return reader.checkpoints()

    def used_by(self, projection: Projection, number: int) -> str:
        """Tell which process writes the file, or builds something of this projection."""
        with ExitStack() as locks:
            try:
                locks.enter_context(closing(WriterLock(self._path(projection, number))))
                locks.enter_context(closing(FileLock(self._path(projection, number).with_name(REPLAY_LOCK))))
            except TroubleError as error:
                return error.what
        return ""

    def parts(self, projection: Projection, number: int) -> list[str]:
        """Return the files, with their sizes."""
        return [f"{path} ({path.stat().st_size / 1e6:,.1f} MB)" for path in self._files(projection, number)]

    def delete(self, projection: Projection, number: int) -> None:
        """Delete the files: first the one by which the others are found."""
        path = self._path(projection, number)
        with closing(WriterLock(path)):
            for file in self._files(projection, number):
                file.unlink(missing_ok=True)
            path.with_suffix(LOCK_SUFFIX).unlink(missing_ok=True)  # its number is never given again

    def strays(self, projection: Projection) -> list[int]:
        """Return the numbers of files on no record: what a worker made that had not heard yet, or a lost record."""
        found = {path.name.partition(".")[0][1:] for path in (self._folder / projection.name).glob("g*.db*")}
        record = self.kept.of(projection.name)  # after the look: numbers are given before files are made
        return sorted(int(it) for it in found if it.isdecimal() and record.get(int(it)) is None)

    def close(self) -> None:
        """Nothing is open."""

    def _path(self, projection: Projection, number: int) -> Path:
        return generation_path(self._folder, projection.name, number)

    def _files(self, projection: Projection, number: int) -> Iterator[Path]:
        path = self._path(projection, number)
        named = (path.with_name(path.name + more) for more in ("", "-wal", "-shm"))
        return (file for file in named if file.exists())
