"""Where a read model is read from: something that opens its reader when it is there, and that can be waited for.

Two kinds: a file, which may come late, be replaced or go away (here), and servers (infra.progress).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import apsw

from infra.consistency import CatchUp
from infra.log.port import LogError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from infra.log.port import Position, TopicPartition

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
        except (apsw.Error, LogError) as error:  # damaged, or its writer is only just making it
            self.reason = f"its file cannot be read ({type(error).__name__})"

    def close(self, reason: str) -> None:
        """Close the file."""
        self.reason = reason
        reader, self.reader = self.reader, None
        if reader is not None:
            reader.close()


class FileSource(Slot[C]):
    """A projection's file; its bell is hung at the first wait, inside the event loop."""

    def __init__(self, path: Path, opener: Callable[[Path], C]) -> None:
        super().__init__(path, opener)
        self._catch_up: CatchUp | None = None

    @property
    def generation(self) -> int:
        """Which build of the projection is read: its number is the file's name."""
        return int(self.path.stem[1:])

    def checkpoints(self) -> Mapping[TopicPartition, int] | None:
        """Return how far it is, or None where it is not there yet."""
        return None if self.reader is None else self.reader.checkpoints()

    async def until_passed(self, positions: Sequence[Position], wait_s: float) -> bool:
        """Return whether it passed the positions within `wait_s` seconds; wakes on its commits."""
        if self._catch_up is None:
            self._catch_up = CatchUp(self.path)
        return await self._catch_up.until_passed(_Latest(self), positions, wait_s)

    def close(self, reason: str) -> None:
        """Close the file and stop listening."""
        super().close(reason)
        if self._catch_up is not None:
            self._catch_up.close()
            self._catch_up = None


class _Latest(Generic[C]):
    """The checkpoints of a file that may come, or be replaced, during a wait."""

    def __init__(self, source: FileSource[C]) -> None:
        self._source = source

    def checkpoints(self) -> Mapping[TopicPartition, int]:
        self._source.look()
        return self._source.checkpoints() or {}
