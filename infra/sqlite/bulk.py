"""Loads a projection's file at once: what triggers would have kept row by row is made set-wise, when all rows are in.

A bulk store is the projection's store without its indices and without its triggers. Rows are written by
the same statements; `finish` then makes the indices, counts (COUNT), and adds the triggers. What comes out is the file
that the store itself would have written, content and schema, and the store goes on with it. Until then the file says
that it is half made — its schema version is negative — and neither a store nor a reader opens it.

Many spans are one transaction: rows of one kind come in no order, and a page that many spans change is written once.

Guarantee:  a span is there entirely or not at all, with its checkpoint, also after `kill -9`, which may cost the spans
            since the last COMMIT_RECORDS. A power cut may cost the file, because nothing is synced before `finish`
Rebuild:    delete the file
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import apsw

from infra.sqlite.connections import open_reader, rows, run_script, scalar
from infra.sqlite.projection_store import SqliteProjectionStore, said_as_a_store_does

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from infra.log.port import Span

CACHE_KIB = 131_072  # rows of one kind come in no order: the pages that they go to stay in memory up to 128 MB
WAL_PAGES = 32_000  # 128 MB between two copies into the file
COMMIT_RECORDS = 100_000  # a second or two of work, which a kill may cost


class SqliteBulkStore(SqliteProjectionStore):
    """Base of the bulk stores; a subclass names the store, and counts its rows by COUNT, a script over all of them."""

    STORE: ClassVar[type[SqliteProjectionStore]]
    COMMIT_RECORDS: ClassVar[int] = COMMIT_RECORDS
    COUNT: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        """Take from the store what loading needs of it."""
        super().__init_subclass__()
        cls.SCHEMA = "\n".join(filter(_is_table, statements(cls.STORE.SCHEMA)))
        cls.SCHEMA_VERSION = -cls.STORE.SCHEMA_VERSION
        if "STATEMENTS" not in cls.__dict__:
            cls.STATEMENTS = cls.STORE.STATEMENTS

    def __init__(self, path: Path, log_id: str) -> None:
        super().__init__(path, log_id)
        self._uncommitted = 0
        for pragma in ("synchronous=OFF", f"cache_size=-{CACHE_KIB}", f"wal_autocheckpoint={WAL_PAGES}"):
            self._connection.execute(f"PRAGMA {pragma}").fetchall()

    def apply(self, writes: Sequence[Any], span: Span) -> None:
        """Apply the writes and move the checkpoint, in one step; it lasts once COMMIT_RECORDS are applied, or `close`.

        Raises StoreUnavailableError: what was not committed may be gone. Raises RejectedWriteError, WrongSpanError.
        """
        with said_as_a_store_does():
            if not self._connection.in_transaction:
                self._connection.execute("BEGIN IMMEDIATE")
            with self._connection:  # inside a transaction it is a savepoint
                if self._move_checkpoint(span):
                    self._write(writes, span)
            self._uncommitted += span.end - span.start
            if self._uncommitted >= self.COMMIT_RECORDS:
                self._commit()

    def _commit(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("COMMIT")
        self._uncommitted = 0

    def close(self) -> None:
        """Let what was applied last, and close the file."""
        self._commit()
        super().close()

    def finish(self) -> None:
        """Make of the file what its store would have written, and make that durable; the store may open it now."""
        self._commit()
        whole = list(statements(self.STORE.SCHEMA))
        with self._connection:
            run_script(self._connection, "\n".join(it for it in whole if _is_index(it)))
            self._count()
            run_script(self._connection, self.STORE.SCHEMA)
            self._connection.execute("UPDATE store SET schema_version = ?", (self.STORE.SCHEMA_VERSION,))
        for pragma in ("synchronous=FULL", "wal_checkpoint(TRUNCATE)"):
            self._connection.execute(f"PRAGMA {pragma}").fetchall()

    def _count(self) -> None:
        run_script(self._connection, self.COUNT)


def is_loading(path: Path) -> bool:
    """Tell whether a file is half made: begun by a bulk store, and not finished."""
    try:
        connection = open_reader(path)
    except apsw.CantOpenError:
        return False
    try:
        if not rows(connection, "SELECT 1 FROM sqlite_schema WHERE name = 'store'"):
            return False
        return (scalar(connection, "SELECT schema_version FROM store") or 0) < 0
    finally:
        connection.close()


def statements(script: str) -> Iterator[str]:
    """Return the statements of a schema one by one; those of a trigger belong to it."""
    found = ""
    for part in script.split(";")[:-1]:
        found += f"{part};"
        if apsw.complete(found):
            yield found.strip()
            found = ""


def _is_table(statement: str) -> bool:
    return statement.startswith(("CREATE TABLE", "CREATE VIRTUAL TABLE"))


def _is_index(statement: str) -> bool:
    return statement.startswith(("CREATE INDEX", "CREATE UNIQUE INDEX"))
