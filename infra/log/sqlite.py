"""The embedded log: one SQLite file, one row per batch of records of one partition.

Row id = partition number << 40 | offset of the first record, so that a partition lies together on disk and a read is
one range scan. Rules of writing: offsets are given under SQLite's write lock, so that any number of processes may
append (each topic still has one owner: facts the commands, derived topics the streams; an import is a second, rare
writer of facts); a commit is durable (WAL, synchronous=FULL) before its append returns.
Here: the file's format, its making and its identity. Reading and writing: sqlite_reader.py, batch_insert.py.
"""

from __future__ import annotations

import os
import time
import uuid
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from infra.log import frames
from infra.log.port import LogCorruptError
from infra.log.wal import damage
from infra.sqlite.connections import Durability, open_writer, rows, run_script, scalar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import apsw

OFFSET_BITS = 40  # 10¹² records a partition
OFFSET_MASK = (1 << OFFSET_BITS) - 1
MAX_NUMBERS = 1 << 63 - OFFSET_BITS  # partitions of all topics of a file: row ids are signed 64-bit numbers
MAX_RECORDS_PER_ROW = 500  # a reader that wants less than a row decodes the whole row
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


def end_of(connection: apsw.Connection, number: int) -> int:
    """Return the offset that the next record of a partition will get."""
    return scalar(connection, "SELECT next_offset FROM ends WHERE number = ?", (number,)) or 0


def checked_records(row: tuple[int, int, int, int, bytes]) -> tuple[list[int], list[bytes]]:
    """Return keys and values of a row (ROW_COLUMNS); raises ValueError, saying why, where it is not as written."""
    row_id, count, appended_at_ms, stored, packed = row
    if not 0 < count <= MAX_RECORDS_PER_ROW or frames.checksum(row_id, count, appended_at_ms, packed) != stored:
        raise ValueError(f"the checksum of a batch of {count} records does not match")
    return frames.unpack(packed, count)
