"""Reads the embedded log: one range scan a batch, every row checked against its checksum."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.log.port import Batch, LogCorruptError, OffsetOutOfRangeError, Stamped, TopicPartition
from infra.log.sqlite import (
    OFFSET_BITS,
    OFFSET_MASK,
    ROW_COLUMNS,
    Topic,
    check_identity,
    checked_records,
    end_of,
    topics_of,
)
from infra.sqlite.connections import open_reader, rows, scalar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_READ = f"""
SELECT {ROW_COLUMNS} FROM batches
WHERE id >= coalesce((SELECT id FROM batches WHERE id <= ?1 AND id >= ?2 ORDER BY id DESC LIMIT 1), ?1) AND id <= ?3
ORDER BY id
"""
_STAMPS = """
SELECT id, count, appended_at_ms FROM batches
WHERE id >= (SELECT id FROM batches WHERE id <= ?1 AND id >= ?2 ORDER BY id DESC LIMIT 1) AND id < ?3 ORDER BY id
"""
_APPENDED_AT = "SELECT appended_at_ms FROM batches WHERE id <= ? ORDER BY id DESC LIMIT 1"


class SqliteLogReader:
    """Reads one file; opens it read-only. Not thread-safe: one reader a thread."""

    def __init__(self, path: Path) -> None:
        self._connection = open_reader(path)
        check_identity(self._connection)
        self._topics = topics_of(self._connection)
        self.log_id: str = scalar(self._connection, "SELECT log_id FROM log")

    @property
    def topics(self) -> dict[str, Topic]:
        """Return the topics of the file by name."""
        return self._topics

    def partitions(self, topic: str) -> int:
        """Return the number of partitions of a topic."""
        return self._topics[topic].partitions

    def read(self, topic: str, partition: int, offset: int, max_records: int) -> Batch | None:
        """Return up to `max_records` records from `offset` on, or None at the end; verifies checksums.

        Raises OffsetOutOfRangeError or LogCorruptError; apsw.CorruptError where SQLite itself finds damage.
        """
        number = self._number(topic, partition)
        if not 0 <= offset <= OFFSET_MASK:
            raise OffsetOutOfRangeError(f"{topic}/{partition}: {offset} is no offset")
        batch = self._read(topic, partition, offset, max_records)
        if batch is None and (end := end_of(self._connection, number)) != offset:
            if offset > end:
                raise OffsetOutOfRangeError(f"{topic}/{partition}: offset {offset} is beyond the end of the log")
            batch = self._read(topic, partition, offset, max_records)  # appended between the two looks
            if batch is None:
                raise self._gap(topic, partition, offset, end)
        return batch

    def read_stamped(self, topic: str, partition: int, offset: int, max_records: int) -> Stamped | None:
        """Read as `read` does, and tell when the records were appended."""
        batch = self.read(topic, partition, offset, max_records)
        if batch is None:
            return None
        low = self._number(topic, partition) << OFFSET_BITS
        stamps: list[int] = []
        for row_id, count, at_ms in self._connection.execute(_STAMPS, (low | offset, low, low | batch.next_offset)):
            base = row_id & OFFSET_MASK
            stamps += [at_ms] * (min(base + count, batch.next_offset) - max(base, offset))
        if len(stamps) != len(batch.values):
            raise self._gap(topic, partition, offset, batch.next_offset)  # retention cut it between the two looks
        return Stamped(batch, stamps)

    def _read(self, topic: str, partition: int, offset: int, max_records: int) -> Batch | None:
        low = self._number(topic, partition) << OFFSET_BITS
        keys: list[int] = []
        values: list[bytes] = []
        for row in self._connection.execute(_READ, (low | offset, low, low | OFFSET_MASK)):
            base = row[0] & OFFSET_MASK
            skip = offset + len(values) - base
            if skip < 0 or (skip and values):
                raise self._gap(topic, partition, offset + len(values), base)
            if skip < row[1]:
                row_keys, row_values = _verified(topic, partition, row)
                keys += row_keys[skip:]
                values += row_values[skip:]
            if len(values) >= max_records:
                break
        return Batch(topic, partition, offset, keys[:max_records], values[:max_records]) if values else None

    def _gap(self, topic: str, partition: int, wanted: int, found: int) -> Exception:
        first = self.first_offset(topic, partition)
        if wanted < first:
            return OffsetOutOfRangeError(f"{topic}/{partition}: offset {wanted} is gone; the log begins at {first}")
        return LogCorruptError(f"{topic}/{partition}: offset {wanted} is missing; what follows begins at {found}")

    def first_offset(self, topic: str, partition: int) -> int:
        """Return the first offset kept: 0 unless retention has cut the partition."""
        query = "SELECT first_offset FROM starts WHERE number = ?"
        return scalar(self._connection, query, (self._number(topic, partition),)) or 0

    def _number(self, topic: str, partition: int) -> int:
        known = self._topics[topic]
        if not 0 <= partition < known.partitions:
            raise IndexError(f"{topic} has partitions 0 to {known.partitions - 1}, not {partition}")
        return known.first_number + partition

    def end_offsets(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        """Return, for each partition of the topics, the offset that the next record will get."""
        ends = {row[0]: row[1] for row in rows(self._connection, "SELECT number, next_offset FROM ends")}
        return {
            TopicPartition(name, partition): ends.get(self._topics[name].first_number + partition, 0)
            for name in topics
            for partition in range(self._topics[name].partitions)
        }

    def appended_at_ms(self, topic: str, partition: int, offset: int) -> int:
        """Return when a record was appended, unix milliseconds: an import takes its event's own time from the past.

        Of a record that retention has cut: when the first one kept was.
        """
        row_id = self._number(topic, partition) << OFFSET_BITS | max(offset, self.first_offset(topic, partition))
        appended: int = scalar(self._connection, _APPENDED_AT, (row_id,))
        return appended

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _verified(topic: str, partition: int, row: tuple[int, int, int, int, bytes]) -> tuple[list[int], list[bytes]]:
    try:
        return checked_records(row)
    except ValueError as error:
        raise LogCorruptError(f"{topic}/{partition} offset {row[0] & OFFSET_MASK}: {error}") from error
