"""Decodes each record once for all the projections of a process.

Projections of one process read the same records at about the same time, in batches that need not have the same
bounds. So what is kept are windows: the events of consecutive records of a partition, one window for those that are
up to date, another for those that lag or are being rebuilt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.log.port import TopicPartition
from schemas import codec

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.log.port import Batch
    from schemas.envelope import Event

KEPT_RECORDS = 8_000
"""About 1 KB each: 8 MB. Measured with 8 projections: 5 times less CPU than without, and the same from 4,000 to 32,000.
One projection alone pays 5 % for it."""


def decode_values(values: list[bytes], decode: Callable[[bytes], Event]) -> list[Event | codec.DecodeError]:
    """Return for each value its event, or why it has none."""
    decoded: list[Event | codec.DecodeError] = []
    for value in values:
        try:
            decoded.append(decode(value))
        except codec.DecodeError as error:
            decoded.append(error)
    return decoded


class _Window:
    """The decoded records of one partition from `start` on, without a hole."""

    __slots__ = ("events", "partition", "start")

    def __init__(self, partition: TopicPartition, start: int) -> None:
        self.partition = partition
        self.start = start
        self.events: list[Event | codec.DecodeError] = []

    def reaches(self, partition: TopicPartition, offset: int) -> bool:
        """Whether the offset is in the window, or the next one after it."""
        return self.partition == partition and self.start <= offset <= self.start + len(self.events)


class DecodedBatches:
    """A cache of decoded records, shared by the loops of a process; events are immutable, so sharing them is safe."""

    def __init__(self, decode: Callable[[bytes], Event] = codec.decode, kept_records: int = KEPT_RECORDS) -> None:
        self._decode = decode
        self._kept_records = kept_records
        self._windows: list[_Window] = []  # the one used last stands last
        self._records = 0

    def events(self, batch: Batch) -> list[Event | codec.DecodeError]:
        """Return for each record of the batch its event, or the DecodeError that says why there is none."""
        partition = TopicPartition(batch.topic, batch.partition)
        window = self._take(partition, batch.base_offset)
        self._windows.append(window)
        first = batch.base_offset - window.start
        found = window.events[first : first + len(batch.values)]
        if len(found) < len(batch.values):
            begins = batch.base_offset + len(found)
            codec.expect(batch.topic, batch.keys[len(found) :])
            fresh = decode_values(batch.values[len(found) :], self._decode)
            self._keep(window, begins, fresh)
            found += fresh
        self._forget_oldest()
        return found

    def _keep(self, window: _Window, begins: int, events: list[Event | codec.DecodeError]) -> None:
        """Add events to a window that still ends where they begin.

        On servers decoding may wait for keys; meanwhile another loop may have added the same, or dropped the window.
        """
        if window.start + len(window.events) == begins and any(it is window for it in self._windows):
            window.events += events
            self._records += len(events)

    def _take(self, partition: TopicPartition, offset: int) -> _Window:
        for at, window in enumerate(self._windows):
            if window.reaches(partition, offset):
                return self._windows.pop(at)
        return _Window(partition, offset)

    def _forget_oldest(self) -> None:
        while (surplus := self._records - self._kept_records) > 0:
            window = self._windows[0]
            dropped = min(surplus, len(window.events))
            del window.events[:dropped]
            window.start += dropped
            self._records -= dropped
            if not window.events:
                self._windows.pop(0)
