"""What every projection's store and reader promise, whatever the engine.

StoreError
├── StoreUnavailableError  busy, disk full, I/O: nothing was applied; worth another try
├── RejectedWriteError     the data cannot be stored: trying again gives the same
└── WrongSpanError         the span does not begin at the store's checkpoint, or the store belongs to another log
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from infra.log.port import Span, TopicPartition
    from schemas.envelope import Event


class StoreError(Exception):
    """Base of what a store raises."""


class StoreUnavailableError(StoreError):
    """Busy, disk full, I/O: nothing was applied, and trying again may help."""


class RejectedWriteError(StoreError):
    """The data cannot be stored: trying again gives the same."""


class WrongSpanError(StoreError):
    """The span does not begin at the store's checkpoint, or the store is of another log or another layout."""


class ProjectionStore(Protocol):
    """The one writer of a projection."""

    def checkpoints(self) -> Mapping[TopicPartition, int]:
        """Return, per partition, the offset of the next record to apply (absent: 0)."""

    def apply(self, writes: Sequence[Any], span: Span) -> None:
        """Apply the writes and move the checkpoint from span.start to span.end, in one atomic step.

        A span at or behind the checkpoint changes nothing; one that leaves a gap raises WrongSpanError.
        """

    def close(self) -> None:
        """Close the store."""


class ProjectionReader(Protocol):
    """What any reader of a projection can tell, beside what its read model promises."""

    def checkpoints(self) -> Mapping[TopicPartition, int]:
        """Return, per partition, the offset up to which (exclusive) records are applied."""


class Placed(NamedTuple):
    """A write, and which record of its span (the first is 0) says so: a store without transactions orders by it."""

    at: int
    write: Any


def placed(project: Callable[[Sequence[Event]], Sequence[Any]]) -> Callable[[Sequence[Event | None]], list[Placed]]:
    """Return the projector that takes one event, or None for what could not be decoded, for each record of a span."""

    def each(events: Sequence[Event | None]) -> list[Placed]:
        return [
            Placed(at, write) for at, event in enumerate(events) if event is not None for write in project((event,))
        ]

    return each
