"""Decodes each record once for all the projections of a process.

Projections of one process read the same records at about the same time, in batches that need not have the same
bounds. So what is kept is a window per partition: the events of the newest consecutive records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.log.port import TopicPartition
from schemas import codec

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.log.port import Batch
    from schemas.envelope import Event

KEPT_RECORDS = 32_000  # about 1 KB each: 32 MB at most, 32 batches of 1,000


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

    __slots__ = ("events", "start")

    def __init__(self, start: int, events: list[Event | codec.DecodeError]) -> None:
        self.start = start
        self.events = events


class DecodedBatches:
    """A cache of decoded records, shared by the loops of a process; events are immutable, so sharing them is safe."""

    def __init__(self, decode: Callable[[bytes], Event] = codec.decode, kept_records: int = KEPT_RECORDS) -> None:
        self._decode = decode
        self._kept_records = kept_records
        self._windows: dict[TopicPartition, _Window] = {}
        self._records = 0

    def events(self, batch: Batch) -> list[Event | codec.DecodeError]:
        """Return for each record of the batch its event, or the DecodeError that says why there is none."""
        partition = TopicPartition(batch.topic, batch.partition)
        window = self._windows.pop(partition, None)
        if window is None or not window.start <= batch.base_offset <= window.start + len(window.events):
            self._records -= len(window.events) if window else 0
            window = _Window(batch.base_offset, [])
        self._windows[partition] = window  # the newest last: the first is dropped first
        self._extend(window, batch)
        first = batch.base_offset - window.start
        found = window.events[first : first + len(batch.values)]
        self._forget_oldest()
        return found

    def _extend(self, window: _Window, batch: Batch) -> None:
        known = window.start + len(window.events) - batch.base_offset
        if known < len(batch.values):
            window.events += decode_values(batch.values[known:], self._decode)
            self._records += len(batch.values) - known

    def _forget_oldest(self) -> None:
        while self._records > self._kept_records:
            partition = next(iter(self._windows))
            window = self._windows[partition]
            surplus = min(self._records - self._kept_records, len(window.events))
            del window.events[:surplus]
            window.start += surplus
            self._records -= surplus
            if not window.events:
                del self._windows[partition]
