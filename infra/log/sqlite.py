"""The embedded log: one SQLite file, one row per batch of records of one partition.

Row id = partition number << 40 | offset of the first record, so that a partition lies together on disk and a read is
one range scan. Rules of writing: offsets are given under SQLite's write lock, so that any number of processes may
append (each topic still has one owner: facts the commands, derived topics the streams; an import is a second, rare
writer of facts); a commit is durable (WAL, synchronous=FULL) before its append returns.
"""

from __future__ import annotations

import os
import time
import uuid
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from infra.log import frames
from infra.log.partitioner import partition_of
from infra.log.port import Batch, LogCorruptError, OffsetOutOfRangeError, Position, TopicPartition
from infra.log.wal import damage
from infra.sqlite.connections import Durability, open_reader, open_writer, rows, run_script, scalar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import apsw

    from infra.log.port import Record

OFFSET_BITS = 40  # 10¹² records a partition
OFFSET_MASK = (1 << OFFSET_BITS) - 1
MAX_NUMBERS = 1 << 63 - OFFSET_BITS  # partitions of all topics of a file: row ids are signed 64-bit numbers
MAX_KEY = (1 << 63) - 1
MAX_RECORDS_PER_ROW = 500  # a reader that wants less than a row decodes the whole row
MAX_ROW_BYTES = 1 << 20  # a row is closed when it has reached this; SQLite holds a row in memory several times over
MAX_VALUE_BYTES = 8 << 20  # a bound, not a goal: request bodies end at 64 KiB; a dead letter adds some to its record
FORMAT = 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS log (log_id TEXT NOT NULL, format INTEGER NOT NULL, created_at_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS topics (topic TEXT PRIMARY KEY, partitions INTEGER NOT NULL, first_number INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS ends (number INTEGER PRIMARY KEY, next_offset INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS starts (number INTEGER PRIMARY KEY, first_offset INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS batches (
    id INTEGER PRIMARY KEY, count INTEGER NOT NULL, appended_at_ms INTEGER NOT NULL,
    checksum INTEGER NOT NULL, frames BLOB NOT NULL);
"""
ROW_COLUMNS = """id, coalesce(CAST(count AS INTEGER), -1), coalesce(CAST(appended_at_ms AS INTEGER), -1),
coalesce(CAST(checksum AS INTEGER), -1), coalesce(CAST(frames AS BLOB), x'')"""  # damage may change a column's type
_READ = f"""
SELECT {ROW_COLUMNS} FROM batches
WHERE id >= coalesce((SELECT id FROM batches WHERE id <= ?1 AND id >= ?2 ORDER BY id DESC LIMIT 1), ?1) AND id <= ?3
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
    Raises LogCorruptError where SQLite would drop commits that were acknowledged (see infra.log.wal).
    """
    if broken := damage(path):
        raise LogCorruptError(
            f"{path}-wal is damaged at frame {broken.frame}: {broken.commits_behind} commits would be lost. Keep a "
            "copy of both files; to go on without those commits: "
            f"python -m apsw {path} 'PRAGMA wal_checkpoint(TRUNCATE)'"
        )
    connection = open_writer(path, Durability.FULL, vfs)
    try:
        connection.execute("BEGIN IMMEDIATE")  # taken at once: a lock that is upgraded later may be refused
        _create(connection, partitions)
        connection.execute("COMMIT")
        _sync_folders(path)
    except BaseException:
        connection.close()
        raise
    return connection


def _create(connection: apsw.Connection, partitions: Mapping[str, int]) -> None:
    run_script(connection, _SCHEMA)
    if scalar(connection, "SELECT 1 FROM log") is None:
        row = (uuid.uuid4().hex, FORMAT, time.time_ns() // 1_000_000)
        connection.execute("INSERT INTO log VALUES (?, ?, ?)", row)
    known = topics_of(connection)
    if all(topic in known for topic in partitions):
        return
    for topic, count in partitions.items():
        connection.execute(
            "INSERT OR IGNORE INTO topics SELECT ?, ?, coalesce(max(first_number + partitions), 0) FROM topics",
            (topic, count),
        )
    if scalar(connection, "SELECT max(first_number + partitions) FROM topics") > MAX_NUMBERS:
        raise ValueError(f"a file holds at most {MAX_NUMBERS} partitions")
    run_script(connection, f"PRAGMA application_id={identity_checksum(connection)}")


def _sync_folders(path: Path) -> None:
    """Make the names of the file and of its folder survive a power cut; SQLite syncs what is in them."""
    for folder in (path.parent, path.parent.parent):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def topics_of(connection: apsw.Connection) -> dict[str, Topic]:
    """Return the topics of a log's file by name."""
    return {row[0]: Topic(*row) for row in rows(connection, "SELECT topic, partitions, first_number FROM topics")}


def identity_checksum(connection: apsw.Connection) -> int:
    """Return the checksum over what no row's checksum covers: the log's id, its format and its topics.

    It is kept as the file's application id, a signed number of 32 bits.
    """
    identity = rows(connection, "SELECT log_id, format FROM log")
    topics = rows(connection, "SELECT topic, partitions, first_number FROM topics ORDER BY first_number")
    return crc32(repr((identity, topics)).encode()) - (1 << 31)


def check_identity(connection: apsw.Connection) -> None:
    """Raise LogCorruptError where the log's id or its topics are not what was written."""
    try:
        sound = scalar(connection, "PRAGMA application_id") == identity_checksum(connection)
    except UnicodeDecodeError:
        sound = False
    if not sound:
        raise LogCorruptError("the log's id or its table of topics is not what was written")


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
        if batch is None and (end := self._end(number)) != offset:
            if offset > end:
                raise OffsetOutOfRangeError(f"{topic}/{partition}: offset {offset} is beyond the end of the log")
            batch = self._read(topic, partition, offset, max_records)  # appended between the two looks
            if batch is None:
                raise self._gap(topic, partition, offset, end)
        return batch

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
        """Give the record its place; raises KeyError for an unknown topic, ValueError for what cannot be stored."""
        if len(record.value) > MAX_VALUE_BYTES or not 0 <= record.key <= MAX_KEY:
            raise ValueError(f"{record.topic}: key {record.key} with {len(record.value)} bytes cannot be stored")
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


def _end_of(connection: apsw.Connection, number: int) -> int:
    return scalar(connection, "SELECT next_offset FROM ends WHERE number = ?", (number,)) or 0


def checked_records(row: tuple[int, int, int, int, bytes]) -> tuple[list[int], list[bytes]]:
    """Return keys and values of a row (ROW_COLUMNS); raises ValueError, saying why, where it is not as written."""
    row_id, count, appended_at_ms, stored, packed = row
    if not 0 < count <= MAX_RECORDS_PER_ROW or frames.checksum(row_id, count, appended_at_ms, packed) != stored:
        raise ValueError(f"the checksum of a batch of {count} records does not match")
    return frames.unpack(packed, count)


def _verified(topic: str, partition: int, row: tuple[int, int, int, int, bytes]) -> tuple[list[int], list[bytes]]:
    try:
        return checked_records(row)
    except ValueError as error:
        raise LogCorruptError(f"{topic}/{partition} offset {row[0] & OFFSET_MASK}: {error}") from error
