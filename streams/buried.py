"""Knows which records have a dead letter already, so that each has one, however many generations meet it.

Read from the topic when poison is met, and from then on only what is new there. Two workers that meet a record in the
same instant may both write; whoever lists letters shows the record once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from schemas.catalogue import DEAD_LETTERS
from schemas.codec import DecodeError, decode
from schemas.operations.events import DeadLettered

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.log.port import LogReader, Position

READ_RECORDS = 500
MOST_KNOWN = 100_000  # some 20 MB; before that many letters somebody has to look into them


class _Record(NamedTuple):
    projection: str
    topic: str
    partition: int
    offset: int


class Buried:
    """The records of all projections that were buried; not thread-safe."""

    def __init__(self, open_reader: Callable[[], LogReader]) -> None:
        """Read by what `open_reader` returns, asked for at the first look; its owner closes it."""
        self._open_reader = open_reader
        self._reader: LogReader | None = None
        self._next: dict[int, int] = {}
        self._known: dict[_Record, None] = {}

    def look(self) -> None:
        """Read what is new on the topic; may block. Raises LogUnavailableError."""
        reader = self._reader = self._reader or self._open_reader()
        for partition in range(reader.partitions(DEAD_LETTERS)):
            while batch := reader.read(DEAD_LETTERS, partition, self._next.get(partition, 0), READ_RECORDS):
                for value in batch.values:
                    self._learn(value)
                self._next[partition] = batch.next_offset

    def _learn(self, value: bytes) -> None:
        try:
            letter = decode(value)
        except DecodeError:
            return
        if isinstance(letter, DeadLettered):
            self._known[_Record(letter.projection, letter.topic, letter.partition, letter.offset)] = None
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]

    def knows(self, projection: str, position: Position) -> bool:
        """Tell whether the record at a position was buried for the projection, as of the last look."""
        return _Record(projection, *position) in self._known
