"""The SQLite side of every projection: writes and checkpoint in one transaction, one file per generation.

A store is a schema and a table `write type → statement`: each write is a NamedTuple whose fields are the statement's
parameters, so the projector says what changes and the table says how. What follows from a row being there or not —
counts above all — is kept by triggers: a repeated insert is ignored, fires nothing, and cannot count twice.
A statement may also be a function of (connection, write), for what SQL alone cannot say.

Guarantee:  a span is applied entirely or not at all; a repeated span changes nothing
Rebuild:    delete the file; NORMAL durability is enough, because the checkpoint is lost with what it covers
"""

from __future__ import annotations

from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Any, ClassVar

import apsw

from infra.log.doorbell import Bell
from infra.log.port import TopicPartition
from infra.projections import RejectedWriteError, StoreUnavailableError, WrongSpanError
from infra.sqlite.connections import Durability, is_disk_trouble, open_reader, open_writer, rows, run_script, scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from infra.log.port import Span

WAL_PAGES = 8000  # 32 MB: a batch dirties thousands of pages; at the default 1000 applying takes 1.4 times as long
WRITER_MMAP_BYTES = 0  # a writer reads its cache; mapped, every page it once touched would count as its memory

_CHECKPOINTS = """
CREATE TABLE IF NOT EXISTS store (log_id TEXT NOT NULL, schema_version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS checkpoints (
    topic TEXT, partition INTEGER, next_offset INTEGER NOT NULL, PRIMARY KEY (topic, partition)) WITHOUT ROWID;
"""


def generation_path(folder: Path, projection: str, generation: int = 1) -> Path:
    """Return the file of one generation of a projection."""
    return folder / projection / f"g{generation}.db"


class SqliteProjectionStore:
    """Base of the stores; a subclass gives SCHEMA, SCHEMA_VERSION and STATEMENTS, and no verb beside `apply`."""

    SCHEMA: ClassVar[str]
    SCHEMA_VERSION: ClassVar[int] = 1
    HOLDS_TEXT: ClassVar[bool] = True  # what people wrote, which is overwritten when it is deleted; False: ids alone
    STATEMENTS: ClassVar[Mapping[type[Any], str | Callable[[apsw.Connection, Any], None]]]

    def __init__(self, path: Path, log_id: str) -> None:
        self._statements = self.STATEMENTS
        self._connection = open_writer(path, Durability.NORMAL)
        pragmas = (f"wal_autocheckpoint={WAL_PAGES}", f"mmap_size={WRITER_MMAP_BYTES}")
        for pragma in (*pragmas, f"secure_delete={int(self.HOLDS_TEXT)}"):
            self._connection.execute(f"PRAGMA {pragma}").fetchall()
        with self._connection:
            run_script(self._connection, _CHECKPOINTS)
            run_script(self._connection, self.SCHEMA)
            if scalar(self._connection, "SELECT 1 FROM store") is None:
                self._connection.execute("INSERT INTO store VALUES (?, ?)", (log_id, self.SCHEMA_VERSION))
        stored = rows(self._connection, "SELECT log_id, schema_version FROM store")[0]
        if stored != (log_id, self.SCHEMA_VERSION):
            raise WrongSpanError(
                f"{path} holds log {stored[0]}, schema {stored[1]}; wanted: {log_id}, {self.SCHEMA_VERSION}; "
                "delete the file to rebuild it from the log"
            )
        self._bell = Bell(path)

    def checkpoints(self) -> dict[TopicPartition, int]:
        """Return, per partition, the offset of the next record to apply (absent: 0)."""
        return _checkpoints(self._connection)

    def apply(self, writes: Sequence[Any], span: Span) -> None:
        """Apply the writes and move the checkpoint, in one transaction; then wake the readers.

        Raises StoreUnavailableError, RejectedWriteError or WrongSpanError; then nothing is applied.
        """
        with said_as_a_store_does():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                if self._move_checkpoint(span):
                    self._write(writes, span)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        self._bell.ring()

    def _move_checkpoint(self, span: Span) -> bool:
        query = "SELECT next_offset FROM checkpoints WHERE topic = ? AND partition = ?"
        stored: int = scalar(self._connection, query, (span.topic, span.partition)) or 0
        if span.end <= stored:
            return False
        if span.start != stored:
            raise WrongSpanError(f"{span.topic}/{span.partition}: applied up to {stored}, given {span.start}")
        row = (span.topic, span.partition, span.end)
        self._connection.execute("INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?)", row)
        return True

    def _write(self, writes: Iterable[Any], span: Span) -> None:  # noqa: ARG002 - a subclass may need it
        for write_type, run in groupby(writes, type):
            statement = self._statements[write_type]
            if isinstance(statement, str):
                self._connection.executemany(statement, run)
            else:
                for write in run:
                    statement(self._connection, write)

    def close(self) -> None:
        """Close the file."""
        self._bell.close()
        self._connection.close()


@contextmanager
def said_as_a_store_does() -> Iterator[None]:
    """Raise what a store promises to raise, for what SQLite does."""
    try:
        yield
    except apsw.Error as error:
        kind = StoreUnavailableError if is_disk_trouble(error) else RejectedWriteError
        raise kind(f"{type(error).__name__}: {error}") from error
    except (OverflowError, TypeError) as error:  # apsw: a value that no column can hold
        raise RejectedWriteError(f"{type(error).__name__}: {error}") from error


class SqliteProjectionReader:
    """Base of the readers: opens the file read-only, and knows the checkpoints.

    SCHEMA_VERSION is that of the store whose files it can read.
    """

    SCHEMA_VERSION: ClassVar[int] = 1

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = open_reader(path)
        try:
            self.checkpoints()  # a file that its writer is only just making is not there yet
        except apsw.Error:
            self._connection.close()
            raise

    def checkpoints(self) -> dict[TopicPartition, int]:
        """Return, per partition, the offset up to which (exclusive) records are applied."""
        return _checkpoints(self._connection)

    @contextmanager
    def snapshot(self) -> Iterator[apsw.Connection]:
        """Read the file as it is now, whatever is written meanwhile; yield its connection."""
        self._connection.execute("BEGIN")
        try:
            self.checkpoints()  # the first read is what the snapshot begins with
            yield self._connection
        finally:
            self._connection.execute("COMMIT")

    def next_offset(self, topic: str, partition: int) -> int:
        """Return the offset up to which (exclusive) records of one partition are applied."""
        query = "SELECT next_offset FROM checkpoints WHERE topic = ? AND partition = ?"
        return scalar(self._connection, query, (topic, partition)) or 0

    def schema_version(self) -> int:
        """Return by which version of its store the file was made."""
        return int(scalar(self._connection, "SELECT schema_version FROM store"))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _checkpoints(connection: apsw.Connection) -> dict[TopicPartition, int]:
    query = "SELECT topic, partition, next_offset FROM checkpoints"
    return {TopicPartition(topic, partition): offset for topic, partition, offset in rows(connection, query)}
