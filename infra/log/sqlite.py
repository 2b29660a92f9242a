"""The embedded log: one SQLite file, one row per batch of records of one partition.

Row id = partition number << 40 | offset of the first record, so that a partition lies together on disk and a read is
one range scan. Rules of writing: offsets are given under SQLite's write lock, so that any number of processes may
append (each topic still has one owner: facts the commands, derived topics the streams; an import is a second, rare
writer of facts); a commit is durable (WAL, synchronous=FULL) before its append returns.
"""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from infra.log import frames
from infra.log.partitioner import partition_of
from infra.log.port import Batch, LogCorruptError, OffsetOutOfRangeError, Position, TopicPartition
from infra.sqlite.connections import Durability, open_reader, open_writer, rows, run_script, scalar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import apsw

    from infra.log.port import Record

OFFSET_BITS = 40  # 10¹² records a partition
OFFSET_MASK = (1 << OFFSET_BITS) - 1
MAX_RECORDS_PER_ROW = 500  # a reader that wants less than a row decodes the whole row
FORMAT = 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS log (log_id TEXT NOT NULL, format INTEGER NOT NULL, created_at_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS topics (topic TEXT PRIMARY KEY, partitions INTEGER NOT NULL, first_number INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS ends (number INTEGER PRIMARY KEY, next_offset INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS batches (
    id INTEGER PRIMARY KEY, count INTEGER NOT NULL, appended_at_ms INTEGER NOT NULL,
    checksum INTEGER NOT NULL, frames BLOB NOT NULL);
"""
_READ = """
SELECT id, count, appended_at_ms, checksum, frames FROM batches
WHERE id >= coalesce((SELECT id FROM batches WHERE id <= ?1 AND id >= ?2 ORDER BY id DESC LIMIT 1), ?1) AND id < ?3
ORDER BY id
"""


class Topic(NamedTuple):
    """A topic of the file: its partitions are numbered `first_number` … `first_number + partitions - 1`."""

    name: str
    partitions: int
    first_number: int


def create(path: Path, partitions: Mapping[str, int], vfs: str | None = None) -> apsw.Connection:
    """Open a log for writing, creating the file and its topics where missing.

    `partitions` counts for topics that are new; a topic that exists keeps the count it has.
    """
    connection = open_writer(path, Durability.FULL, vfs)
    with connection:
        run_script(connection, _SCHEMA)
        if scalar(connection, "SELECT 1 FROM log") is None:
            row = (uuid.uuid4().hex, FORMAT, time.time_ns() // 1_000_000)
            connection.execute("INSERT INTO log VALUES (?, ?, ?)", row)
        for topic, count in partitions.items():
            connection.execute(
                "INSERT OR IGNORE INTO topics SELECT ?, ?, coalesce(max(first_number + partitions), 0) FROM topics",
                (topic, count),
            )
    return connection


def topics_of(connection: apsw.Connection) -> dict[str, Topic]:
    """Return the topics of a log's file by name."""
    return {row[0]: Topic(*row) for row in rows(connection, "SELECT topic, partitions, first_number FROM topics")}


class SqliteLogReader:
    """Reads one file; opens it read-only. Not thread-safe: one reader a thread."""

    def __init__(self, path: Path) -> None:
        self._connection = open_reader(path)
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
        """Return up to `max_records` records from `offset` on, or None at the end; verifies checksums."""
        low = (self._topics[topic].first_number + partition) << OFFSET_BITS
        keys: list[int] = []
        values: list[bytes] = []
        for row in self._connection.execute(_READ, (low | offset, low, low + OFFSET_MASK)):
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
        if values:
            return Batch(topic, partition, offset, keys[:max_records], values[:max_records])
        if offset > self._end(low >> OFFSET_BITS):
            raise OffsetOutOfRangeError(f"{topic}/{partition}: offset {offset} is beyond the end of the log")
        return None

    def _gap(self, topic: str, partition: int, wanted: int, found: int) -> Exception:
        first = self.first_offset(topic, partition)
        if wanted < first:
            return OffsetOutOfRangeError(f"{topic}/{partition}: offset {wanted} is gone; the log begins at {first}")
        return LogCorruptError(f"{topic}/{partition}: offset {wanted} is missing; the next row begins at {found}")

    def first_offset(self, topic: str, partition: int) -> int:
        """Return the first offset kept: 0 unless retention has cut the partition."""
        low = (self._topics[topic].first_number + partition) << OFFSET_BITS
        query = "SELECT id FROM batches WHERE id >= ? AND id < ? ORDER BY id LIMIT 1"
        first: int | None = scalar(self._connection, query, (low, low + OFFSET_MASK))
        return self._end(low >> OFFSET_BITS) if first is None else first & OFFSET_MASK

    def end_offsets(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        """Return, for each partition of the topics, the offset that the next record will get."""
        ends = {row[0]: row[1] for row in rows(self._connection, "SELECT number, next_offset FROM ends")}
        return {
            TopicPartition(name, partition): ends.get(self._topics[name].first_number + partition, 0)
            for name in topics
            for partition in range(self._topics[name].partitions)
        }

    def _end(self, number: int) -> int:
        return _end_of(self._connection, number)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


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
        """Give the record its place."""
        topic = self._topics[record.topic]
        partition = partition_of(record.key, topic.partitions)
        number = topic.first_number + partition
        if number not in self._bases:
            self._bases[number] = _end_of(self._connection, number)
        staged = self._staged[number]
        staged.append(record)
        return Position(record.topic, partition, self._bases[number] + len(staged) - 1)

    def write(self) -> None:
        """Insert the rows and move the ends."""
        for number, records in self._staged.items():
            base = self._bases[number]
            for at in range(0, len(records), MAX_RECORDS_PER_ROW):
                chunk = records[at : at + MAX_RECORDS_PER_ROW]
                self._connection.execute(
                    "INSERT INTO batches VALUES (?, ?, ?, ?, ?)", self._row(number, base + at, chunk)
                )
            self._connection.execute("INSERT OR REPLACE INTO ends VALUES (?, ?)", (number, base + len(records)))

    def _row(self, number: int, base: int, records: Sequence[Record]) -> tuple[int, int, int, int, bytes]:
        row_id, packed = number << OFFSET_BITS | base, frames.pack(records)
        return row_id, len(records), self._now_ms, frames.checksum(row_id, len(records), self._now_ms, packed), packed


def _end_of(connection: apsw.Connection, number: int) -> int:
    return scalar(connection, "SELECT next_offset FROM ends WHERE number = ?", (number,)) or 0


def _verified(topic: str, partition: int, row: tuple[int, int, int, int, bytes]) -> tuple[list[int], list[bytes]]:
    row_id, count, appended_at_ms, stored, packed = row
    at = f"{topic}/{partition} offset {row_id & OFFSET_MASK}"
    if frames.checksum(row_id, count, appended_at_ms, packed) != stored:
        raise LogCorruptError(f"{at}: the checksum of a batch of {count} records does not match")
    try:
        return frames.unpack(packed, count)
    except ValueError as error:
        raise LogCorruptError(f"{at}: {error}") from error
