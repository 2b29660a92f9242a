"""Writes records into the embedded log: their offsets, their rows, the ends of their partitions."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from infra.log import frames
from infra.log.partitioner import partition_of
from infra.log.port import Position
from infra.log.sqlite import MAX_RECORDS_PER_ROW, OFFSET_BITS, Topic, end_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import apsw

    from infra.log.port import Record

MAX_KEY = (1 << 63) - 1
MAX_ROW_BYTES = 1 << 20  # a row is closed when it has reached this; SQLite holds a row in memory several times over
MAX_VALUE_BYTES = 8 << 20  # a bound, not a goal: request bodies end at 64 KiB; a dead letter adds some to its record


class BatchInsert:
    """Stages the records of one transaction and writes them, one row per partition, when it is complete.

    Made inside a transaction (the offsets are read under its lock) and used once.
    """

    def __init__(self, connection: apsw.Connection, topics: Mapping[str, Topic], now_ms: int) -> None:
        self._connection = connection
        self._topics = topics
        self._now_ms = now_ms
        self._staged: dict[int, list[Record]] = defaultdict(list)
        self._bases: dict[int, int] = {}

    def stage(self, record: Record) -> Position:
        """Give the record its place; raises KeyError for an unknown topic, ValueError for what cannot be stored."""
        if len(record.value) > MAX_VALUE_BYTES or not 0 <= record.key <= MAX_KEY:
            raise ValueError(f"{record.topic}: key {record.key} with {len(record.value)} bytes cannot be stored")
        topic = self._topics[record.topic]
        partition = partition_of(record.key, topic.partitions)
        number = topic.first_number + partition
        if number not in self._bases:
            self._bases[number] = end_of(self._connection, number)
        staged = self._staged[number]
        staged.append(record)
        return Position(record.topic, partition, self._bases[number] + len(staged) - 1)

    def write(self) -> None:
        """Insert the rows and move the ends."""
        for number, records in self._staged.items():
            offset = self._bases[number]
            for chunk in _chunks(records):
                self._connection.execute("INSERT INTO batches VALUES (?, ?, ?, ?, ?)", self._row(number, offset, chunk))
                offset += len(chunk)
            self._connection.execute("INSERT OR REPLACE INTO ends VALUES (?, ?)", (number, offset))

    def _row(self, number: int, base: int, records: Sequence[Record]) -> tuple[int, int, int, int, bytes]:
        row_id, packed = number << OFFSET_BITS | base, frames.pack(records)
        return row_id, len(records), self._now_ms, frames.checksum(row_id, len(records), self._now_ms, packed), packed


def _chunks(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    begin, size = 0, 0
    for at, record in enumerate(records):
        if size >= MAX_ROW_BYTES or at - begin == MAX_RECORDS_PER_ROW:
            yield records[begin:at]
            begin, size = at, 0
        size += len(record.value)
    yield records[begin:]
