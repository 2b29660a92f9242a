"""Checks one file of the embedded log from end to end and says where each fault lies; never writes.

What is checked: SQLite's own structure, the checksum of every row, offsets without gaps from the first kept to the
end, every row in a known partition, every record an event that decodes, under the topic and key that it names.
Works on a damaged file: what can still be read is checked, from both ends of an unreadable stretch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import apsw

from infra.log.partitioner import partition_of
from infra.log.port import LogCorruptError
from infra.log.sqlite import OFFSET_BITS, OFFSET_MASK, ROW_COLUMNS, Topic, check_identity, checked_records, topics_of
from infra.log.wal import damage
from infra.sqlite.connections import rows, scalar
from schemas.codec import DecodeError, decode, topic_and_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NOWHERE = -1  # partition and offset of a fault that belongs to none
UNREADABLE = (apsw.Error, UnicodeDecodeError, TypeError)  # damage may also change a column's type
MOST_PARTITIONS = 100_000  # of a file; settings allow 1024 a topic
MAX_STRUCTURE_FINDINGS = 100
_ROWS = f"SELECT {ROW_COLUMNS} FROM batches WHERE id >= ? AND id <= ? ORDER BY id"
_LAST_ROW_BEFORE = "SELECT id, CAST(count AS INTEGER) FROM batches WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1"


class Finding(NamedTuple):
    """One fault. `topic` is "" and numbers are NOWHERE where the fault lies outside of any one partition."""

    topic: str
    partition: int
    offset: int
    problem: str


def verify(path: Path, progress: Callable[[int, int], None] = lambda _done, _total: None) -> Iterator[Finding]:
    """Yield every fault of the file; `progress` hears (records checked, records in all) after each partition.

    Raises FileNotFoundError where there is no file. Safe beside a running appender: each partition is checked in a
    snapshot of its own.
    """
    if not path.is_file():
        raise FileNotFoundError(path)
    if broken := damage(path):
        yield _file_fault(
            f"the write-ahead log is damaged at frame {broken.frame}: {broken.commits_behind} commits lost"
        )
    try:
        connection = _open(path)
    except UNREADABLE as error:
        yield _unreadable("the file", error)
        return
    try:
        yield from _structure(connection)
        yield from _contents(connection, progress)
    finally:
        connection.close(force=True)


def _open(path: Path) -> apsw.Connection:
    uri = f"{path.absolute().as_uri()}?mode=ro"
    connection = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    connection.set_busy_timeout(10_000)
    connection.execute("PRAGMA mmap_size=0").fetchall()  # a read error in a mapped file is a SIGBUS, not an exception
    return connection


def _file_fault(problem: str) -> Finding:
    return Finding("", NOWHERE, NOWHERE, problem)


def _unreadable(what: str, error: Exception) -> Finding:
    return _file_fault(f"{what} cannot be read: {type(error).__name__}: {error}")


def _structure(connection: apsw.Connection) -> Iterator[Finding]:
    try:
        for (line,) in connection.execute(f"PRAGMA integrity_check({MAX_STRUCTURE_FINDINGS})"):
            if line != "ok":
                yield _file_fault(f"SQLite: {line}")
    except UNREADABLE as error:
        yield _unreadable("the structure", error)


def _contents(connection: apsw.Connection, progress: Callable[[int, int], None]) -> Iterator[Finding]:
    try:
        topics = topics_of(connection)
    except UNREADABLE as error:
        yield _unreadable("the table of topics", error)
        return
    try:
        yield from _identity(connection, topics)
    except UNREADABLE as error:
        yield _unreadable("what belongs to no partition", error)
    scanned = {name: topic for name, topic in topics.items() if _is_plausible(topic)}
    for name in topics.keys() - scanned.keys():
        yield Finding(str(name), NOWHERE, NOWHERE, "not checked: its partitions are damaged")
    yield from _Scan(connection, scanned, progress).run()


def _is_plausible(topic: Topic) -> bool:
    """Tell whether a topic can be gone through: damage may have made any value of any type of its row."""
    values: tuple[object, ...] = topic
    name, *numbers = values
    return isinstance(name, str) and all(isinstance(n, int) and 0 <= n <= MOST_PARTITIONS for n in numbers)


def _identity(connection: apsw.Connection, topics: dict[str, Topic]) -> Iterator[Finding]:
    try:
        check_identity(connection)
    except LogCorruptError as error:
        yield _file_fault(str(error))
    known = {number for topic in topics.values() if _is_plausible(topic) for number in _numbers(topic)}
    for table in ("ends", "starts"):
        for (number,) in rows(connection, f"SELECT number FROM {table}"):
            if number not in known:
                yield _file_fault(f"table {table} has partition number {number}, which no topic has")
    for number in _numbers_of_rows(connection):
        if number not in known:
            yield _file_fault(f"there are rows of partition number {number}, which no topic has")


def _numbers(topic: Topic) -> range:
    return range(topic.first_number, topic.first_number + topic.partitions)


def _numbers_of_rows(connection: apsw.Connection) -> Iterator[int]:
    following = "SELECT id FROM batches WHERE id >= ? ORDER BY id LIMIT 1"
    found = scalar(connection, following, (-1 << 63,))
    while found is not None:
        yield found >> OFFSET_BITS
        found = scalar(connection, following, (min((found >> OFFSET_BITS) + 1 << OFFSET_BITS, (1 << 63) - 1),))


class _Scan:
    """Goes through the rows of all partitions."""

    def __init__(
        self, connection: apsw.Connection, topics: dict[str, Topic], progress: Callable[[int, int], None]
    ) -> None:
        self._connection = connection
        self._topics = topics
        self._progress = progress
        self._done = 0

    def run(self) -> Iterator[Finding]:
        try:
            total = scalar(
                self._connection,
                "SELECT coalesce((SELECT sum(next_offset) FROM ends), 0)"
                " - coalesce((SELECT sum(first_offset) FROM starts), 0)",
            )
        except UNREADABLE:
            total = 0  # each partition will say what is wrong
        for topic in self._topics.values():
            for partition in range(topic.partitions):
                yield from self._partition(topic, partition)
                self._progress(self._done, total)

    def _partition(self, topic: Topic, partition: int) -> Iterator[Finding]:
        number = topic.first_number + partition
        try:
            self._connection.execute("BEGIN")
            start = scalar(self._connection, "SELECT first_offset FROM starts WHERE number = ?", (number,)) or 0
            end = scalar(self._connection, "SELECT next_offset FROM ends WHERE number = ?", (number,)) or 0
            yield from self._rows(topic, partition, start, end)
        except UNREADABLE as error:
            yield Finding(topic.name, partition, NOWHERE, f"cannot be read: {type(error).__name__}: {error}")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _rows(self, topic: Topic, partition: int, start: int, end: int) -> Iterator[Finding]:
        low = topic.first_number + partition << OFFSET_BITS
        at, certain = start, True  # where the next row begins; uncertain behind a damaged row
        try:
            for row in self._connection.execute(_ROWS, (low, low | OFFSET_MASK)):
                base = row[0] & OFFSET_MASK
                if base < at or (certain and base != at):
                    yield Finding(topic.name, partition, at, _break(at, base))
                at, certain = base + 1, False
                try:
                    keys, values = checked_records(row)
                except ValueError as error:
                    yield Finding(topic.name, partition, base, str(error))
                    continue
                yield from _events(topic, partition, base, keys, values)
                at, certain = base + len(values), True
                self._done += len(values)
        except UNREADABLE as error:
            until = self._readable_again(low, at, end)
            problem = f"offsets {at} to {until - 1} cannot be read: {type(error).__name__}: {error}"
            yield Finding(topic.name, partition, at, problem)
            return
        if at > end or (certain and at != end):
            problem = f"the rows end before offset {at}, the table of ends says {end}"
            yield Finding(topic.name, partition, min(at, end), problem)

    def _readable_again(self, low: int, unreadable: int, end: int) -> int:
        """Go back from the end while rows can be read and join; return the first offset of that stretch."""
        reached = end
        try:
            while row := self._connection.execute(_LAST_ROW_BEFORE, (low, low | reached)).fetchone():
                base = row[0] & OFFSET_MASK
                if base < unreadable or base + row[1] != reached:
                    break
                reached = base
        except UNREADABLE:
            pass  # this is where the unreadable stretch ends
        return reached


def _events(topic: Topic, partition: int, base: int, keys: list[int], values: list[bytes]) -> Iterator[Finding]:
    for at, (key, value) in enumerate(zip(keys, values, strict=True)):
        if problem := _event_fault(topic, partition, key, value):
            yield Finding(topic.name, partition, base + at, problem)


def _break(expected: int, found: int) -> str:
    if found < expected:
        return f"offset {found} is there twice: the row before it reaches to {expected - 1}"
    return f"offsets {expected} to {found - 1} are missing"


def _event_fault(topic: Topic, partition: int, key: int, value: bytes) -> str | None:
    if (wanted := partition_of(key, topic.partitions)) != partition:
        return f"key {key} belongs into partition {wanted}"
    try:
        named = topic_and_key(decode(value))
    except DecodeError as error:
        return f"no event that this version can read: {error}"
    return None if named == (topic.name, key) else f"the event names topic {named[0]} and key {named[1]}, not {key}"
