"""Where a read model is read from: something that opens its reader when it is there, and that can be waited for.

Two kinds: a file, which may come late, be replaced or go away (here), and servers (infra.progress). Both follow the
generation that is to be read.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import apsw

from infra.consistency import CatchUp
from infra.log.port import LogError
from infra.projections import StoreError
from infra.sqlite.projection_store import generation_path
from infra.trouble import TroubleError
from schemas.catalogue import DEAD_LETTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from infra.generations.record import Kept, Record
    from infra.log.port import Position, TopicPartition

PATIENCE_SECONDS = 0.5  # readers follow the pointer within a second

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Source(Protocol[R_co]):
    """One read model, there or not; `reason` tells why not (empty: it is there and answers)."""

    @property
    def reader(self) -> R_co | None:
        """The reader, where the read model is there."""

    @property
    def reason(self) -> str:
        """Why it cannot be read, or empty."""

    @property
    def generation(self) -> int:
        """Which build of the projection is read."""

    @property
    def record(self) -> Record | None:
        """What is recorded of its generations, as far as is known."""

    def look(self) -> None:
        """Follow what became of it: open it where it appeared or was replaced, let go of it where it is gone."""

    def checkpoints(self) -> Mapping[TopicPartition, int] | None:
        """Return how far it is, as far as is known, or None where it is not there yet."""

    async def until_passed(self, positions: Sequence[Position], wait_s: float) -> bool:
        """Return whether it passed the positions within `wait_s` seconds."""

    def close(self, reason: str) -> None:
        """Let go of it; the next look opens it again."""


class Openable(Protocol):
    """What a file is read by."""

    def close(self) -> None:
        """Free the file."""


class Checkpointed(Openable, Protocol):
    """What a projection's file is read by."""

    def checkpoints(self) -> Mapping[TopicPartition, int]:
        """Return, per partition, the offset up to which (exclusive) records are applied."""

    def schema_version(self) -> int:
        """Return by which version of its store the file was made."""


O = TypeVar("O", bound=Openable)  # noqa: E741 - as short as the others
C = TypeVar("C", bound=Checkpointed)


class Slot(Generic[O]):
    """One file that may or may not be there."""

    def __init__(self, path: Path, opener: Callable[[Path], O]) -> None:
        self.path = path
        self.reader: O | None = None
        self.reason = "it was not looked for yet"
        self._opener = opener
        self._identity: tuple[int, int] | None = None

    def look(self) -> None:
        """Open the file where it appeared or was replaced, let go of it where it is gone.

        A reader that is let go of closes with the last who reads by it.
        """
        try:
            status = self.path.stat()
        except OSError:
            self.reader, self.reason = None, "its file does not exist yet"
            return
        identity = (status.st_dev, status.st_ino)
        if self.reader is not None and identity == self._identity:
            return
        self.reader = None
        try:
            self.reader, self._identity, self.reason = self._opener(self.path), identity, ""
        except StoreError as error:
            self.reason = str(error)
        except (apsw.Error, LogError) as error:  # damaged, or its writer is only just making it
            self.reason = f"its file cannot be read ({type(error).__name__})"

    def close(self, reason: str) -> None:
        """Close the file."""
        self.reason = reason
        reader, self.reader = self.reader, None
        if reader is not None:
            reader.close()


class FileSource(Generic[C]):
    """A projection's files: that of the generation to be read.

    When the pointer moves, the other file is opened beside, and takes over once it is as far as the one that is read,
    so that nobody sees a fact go away; at the latest after PATIENCE_SECONDS, for one of them may stand still.
    """

    def __init__(
        self, projection: str, folder: Path, opener: Callable[[Path], C], schema_version: int, kept: Kept
    ) -> None:
        """Read what stores of this version made; `folder` is that of all projections."""
        self._projection = projection
        self._folder = folder
        self._opener = opener
        self._schema_version = schema_version
        self._kept = kept
        self._slot: Slot[C] | None = None
        self._next: tuple[Slot[C], float] | None = None
        self._bells = _Bells()
        self.record: Record | None = None
        self.reason = "it was not looked for yet"

    @property
    def reader(self) -> C | None:
        """The reader, where the file is there."""
        return None if self._slot is None else self._slot.reader

    @property
    def generation(self) -> int:
        """Which build of the projection is read: its number is the file's name."""
        return 1 if self._slot is None else int(self._slot.path.stem[1:])

    def look(self) -> None:
        """Follow the pointer, and the file that it leads to."""
        try:
            self.record = self._kept.of(self._projection)
        except TroubleError as error:
            self.reason = "" if self.reader is not None else str(error)
            return
        for candidate in self.record.candidates(self._schema_version):
            path = generation_path(self._folder, self._projection, candidate.number)
            self.reason = self._look_at(path)
            if self.reason != self._of_another_version(path):
                return
        self._slot = None
        self.reason = f"generation {self.record.active} is of another version of this program, and so is any other"

    def _look_at(self, path: Path) -> str:
        """Read the file at `path` if that can be; return why nothing can be read."""
        if self._slot is not None and self._slot.path == path:
            self._next = None
            self._slot.look()
            return self._slot.reason
        if self._next is None or self._next[0].path != path:
            self._next = Slot(path, self._open), time.monotonic() + PATIENCE_SECONDS
        slot, until = self._next
        slot.look()
        if self.reader is None or (slot.reader is not None and self._may_take_over(slot.reader, until)):
            self._slot, self._next = slot, None
            return slot.reason
        return slot.reason if slot.reason == self._of_another_version(path) else ""

    def _may_take_over(self, reader: C, until: float) -> bool:
        now = self.checkpoints() or {}
        return time.monotonic() >= until or is_as_far(reader.checkpoints(), now)

    def _open(self, path: Path) -> C:
        reader = self._opener(path)
        if reader.schema_version() != self._schema_version:
            reader.close()
            raise StoreError(self._of_another_version(path))
        return reader

    def _of_another_version(self, path: Path) -> str:
        return f"{path.name} was made by another version of this program; wanted: {self._schema_version}"

    def checkpoints(self) -> Mapping[TopicPartition, int] | None:
        """Return how far it is, or None where it is not there yet."""
        return None if self.reader is None else self.reader.checkpoints()

    async def until_passed(self, positions: Sequence[Position], wait_s: float) -> bool:
        """Return whether it passed the positions within `wait_s` seconds; wakes on its commits."""
        self.look()
        path = generation_path(self._folder, self._projection, self.generation)
        with self._bells.of(path) as catch_up:
            return await catch_up.until_passed(_Latest(self), positions, wait_s)

    def close(self, reason: str) -> None:
        """Close the files and stop listening."""
        self.reason = reason
        for slot in (self._slot, self._next and self._next[0]):
            if slot is not None:
                slot.close(reason)
        self._slot = self._next = None
        self._bells.close()


class _Bells:
    """The bells of the files that are waited for, each hung at the first wait, inside the event loop.

    One that nobody waits for any more is taken down when another one is hung.
    """

    def __init__(self) -> None:
        self._hung: dict[Path, tuple[CatchUp, list[object]]] = {}

    @contextmanager
    def of(self, path: Path) -> Iterator[CatchUp]:
        if path not in self._hung:
            self._take_down_idle()
            self._hung[path] = CatchUp(path), []
        catch_up, waiting = self._hung[path]
        waiting.append(None)
        try:
            yield catch_up
        finally:
            waiting.pop()

    def _take_down_idle(self) -> None:
        for path, (catch_up, waiting) in list(self._hung.items()):
            if not waiting:
                catch_up.close()
                del self._hung[path]

    def close(self) -> None:
        for catch_up, _ in self._hung.values():
            catch_up.close()
        self._hung.clear()


class _Latest(Generic[C]):
    """The checkpoints of a file that may come, or be replaced, during a wait."""

    def __init__(self, source: FileSource[C]) -> None:
        self._source = source

    def checkpoints(self) -> Mapping[TopicPartition, int]:
        self._source.look()
        return self._source.checkpoints() or {}


def is_as_far(one: Mapping[TopicPartition, int], other: Mapping[TopicPartition, int]) -> bool:
    """Tell whether the checkpoints of one are at or beyond those of the other; letters retried count for nothing."""
    return all(one.get(place, 0) >= offset for place, offset in other.items() if place.topic != DEAD_LETTERS)
