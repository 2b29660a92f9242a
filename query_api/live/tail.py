"""The end of the log, read as it grows: what a hub is fed from. On servers: infra.log.kafka_tail."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from infra.log.doorbell import Doorbell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.log.port import Batch, TopicPartition
    from infra.log.sqlite_reader import SqliteLogReader
    from infra.sources import Slot

RECORDS_PER_BATCH = 500
LOOK_AGAIN_S = 1.0  # a ring can be lost
ABSENT_S = 0.1  # between two looks for a log that is not there yet


class LogReplacedError(Exception):
    """The log is another one than it was: whatever was told of the old one says nothing any more."""


class Tail(Protocol):
    """Reads what is appended to some topics. One reader; `log_id` is known once it has begun."""

    log_id: str

    async def begin(self, topics: Sequence[str], records: int) -> Mapping[TopicPartition, int]:
        """Begin so many records before the end of each partition, waiting for the log; return where."""

    async def more(self) -> Sequence[Batch]:
        """Wait for what was appended since, and return it; each partition in its order. Raises LogReplacedError."""

    def ends(self) -> Mapping[TopicPartition, int]:
        """Return the ends of the log as they were when it began."""

    def close(self) -> None:
        """Read no more."""


class FileTail:
    """The tail of a log in a file (Tail); its writer rings a bell after each commit."""

    def __init__(self, slot: Slot[SqliteLogReader]) -> None:
        self._slot = slot
        self._bell: Doorbell | None = None
        self._at: dict[TopicPartition, int] = {}
        self._ends: Mapping[TopicPartition, int] = {}
        self._topics: Sequence[str] = ()
        self.log_id = ""

    async def begin(self, topics: Sequence[str], records: int) -> Mapping[TopicPartition, int]:
        """Begin so many records before the end of each partition."""
        if self._bell is None:
            self._bell = Doorbell(self._slot.path)
        while (reader := self._reader()) is None:
            await self._bell.wait(ABSENT_S)
        self.log_id, self._topics = reader.log_id, topics
        self._ends = reader.end_offsets(topics)
        self._at = {
            place: max(reader.first_offset(place.topic, place.partition), end - records)
            for place, end in self._ends.items()
        }
        return dict(self._at)

    def ends(self) -> Mapping[TopicPartition, int]:
        """Return the ends of the log as they were when it began."""
        return self._ends

    async def more(self) -> Sequence[Batch]:
        """Wait for what was appended since, and return it."""
        assert self._bell is not None  # noqa: S101 - it has begun
        while True:
            ring = self._bell.expect()
            if found := self._read():
                self._bell.forget(ring)
                return found
            await self._bell.wait(LOOK_AGAIN_S, ring)

    def _read(self) -> list[Batch]:
        reader = self._reader()
        if reader is None:
            return []
        if reader.log_id != self.log_id:
            raise LogReplacedError
        found = []
        for place, end in reader.end_offsets(self._topics).items():
            if self._at[place] < end:
                batch = reader.read(*place, self._at[place], RECORDS_PER_BATCH)
                if batch is not None:
                    self._at[place] = batch.next_offset
                    found.append(batch)
        return found

    def _reader(self) -> SqliteLogReader | None:
        self._slot.look()
        return self._slot.reader

    def close(self) -> None:
        """Read no more."""
        if self._bell is not None:
            self._bell.close()
            self._bell = None
        self._slot.close("the process is stopping")


async def until_cancelled(task: asyncio.Task[None]) -> None:
    """Cancel a task, and wait for it."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
