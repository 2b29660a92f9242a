"""The keys of personal data, one an account, wrapped under the installation's own: the port, and the table on files.

A key is there, durably, before the first event that needs it; what is left of one that was destroyed is that it was. On
files they are in the credentials' file, in no log, archive or read model: whoever has those alone can read nothing
personal. On servers: infra.auth.cql_data_keys.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, Protocol

import apsw

from infra.projections import StoreUnavailableError
from infra.sqlite.connections import Durability, open_reader, open_writer, rows, run_script
from infra.sqlite.id_sets import id_set

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS data_keys (user_id INTEGER PRIMARY KEY, wrapped BLOB, email BLOB, email_claim TEXT);
"""
INSERT = "INSERT OR IGNORE INTO data_keys VALUES (?, ?, ?, ?)"
DESTROY = """
INSERT INTO data_keys (user_id) VALUES (?)
ON CONFLICT DO UPDATE SET wrapped = NULL, email = NULL, email_claim = NULL
"""
_FIND = "SELECT data_keys.* FROM json_each(?) AS wanted CROSS JOIN data_keys ON user_id = wanted.value"


class DataKey(NamedTuple):
    """What is kept of an account: its wrapped key, or None where it was destroyed; its address, under that key.

    `email_claim` is the name in the journal under which the address is taken.
    """

    wrapped: bytes | None
    email: bytes | None = None
    email_claim: str | None = None


class DataKeys(Protocol):
    """Where keys are; each raises StoreUnavailableError."""

    def find(self, user_ids: Collection[int]) -> dict[int, DataKey]:
        """Return what is kept of the accounts; absent: they never had a key."""

    def make(self, user_id: int, key: DataKey) -> None:
        """Keep a key, durably, unless there is one, or was."""

    def destroy(self, user_id: int) -> None:
        """Destroy an account's key: what was sealed under it can never be read again."""

    def close(self) -> None:
        """Let go of it."""


class SqliteDataKeys:
    """Reads the table of the credentials' file, from any thread; the file may come later than its readers."""

    def __init__(self, path: Path, *, writes: bool = False) -> None:
        """Open what there is; with `writes` the process makes keys, and the table where it is missing."""
        self._path = path
        self._lock = threading.Lock()
        self._connection: apsw.Connection | None = None
        self._writer: apsw.Connection | None = None
        self._writing = threading.Lock()  # of its own: who reads a key does not wait for another's fsync
        if writes:
            self._opened()

    def find(self, user_ids: Collection[int]) -> dict[int, DataKey]:
        """Return what is kept of the accounts; absent: they never had a key."""
        with self._lock, _unavailable(self._path):
            if self._connection is None:
                if not self._path.exists():  # a log without a vault, such as a copy: nobody has a key
                    return {}
                self._connection = open_reader(self._path)
            return {row[0]: DataKey(*row[1:]) for row in rows(self._connection, _FIND, (id_set(user_ids),))}

    def make(self, user_id: int, key: DataKey) -> None:
        """Keep a key, durably, unless there is one, or was."""
        self._write(INSERT, (user_id, *key))

    def destroy(self, user_id: int) -> None:
        """Destroy an account's key: what was sealed under it can never be read again."""
        self._write(DESTROY, (user_id,))
        with self._writing, _unavailable(self._path):
            run_script(self._opened(), "PRAGMA wal_checkpoint(TRUNCATE)")

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        with self._writing, _unavailable(self._path):
            self._opened().execute(statement, values)

    def _opened(self) -> apsw.Connection:
        if self._writer is None:
            self._writer = open_writer(self._path, Durability.FULL)
            run_script(self._writer, SCHEMA)
        return self._writer

    def close(self) -> None:
        """Close the file."""
        with self._lock, self._writing:
            for connection in (self._connection, self._writer):
                if connection is not None:
                    connection.close()
            self._connection = self._writer = None


@contextmanager
def _unavailable(path: Path) -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        raise StoreUnavailableError(f"{path}: {type(error).__name__}: {error}") from error
