"""Accounts that were closed, and when each is to be erased: the port, and a table of the credentials' file.

A list of what to do and no fact: what the log says of the account decides (commands.privacy.erasure).
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import apsw

from infra.projections import StoreUnavailableError
from infra.sqlite.connections import Durability, open_writer, rows, run_script, scalar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS departures (
    user_id INTEGER PRIMARY KEY, erase_at_ms INTEGER NOT NULL, leased_ms INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS departures_by_time ON departures (erase_at_ms);
"""
_NOTE = "INSERT INTO departures VALUES (?, ?, 0) ON CONFLICT DO UPDATE SET erase_at_ms = excluded.erase_at_ms"
_DUE = "SELECT user_id FROM departures WHERE erase_at_ms <= ? ORDER BY erase_at_ms LIMIT ?"
_LEASE = "UPDATE departures SET leased_ms = ? WHERE user_id = ? AND leased_ms < ?"


class Departures(Protocol):
    """Who is to be erased; each raises StoreUnavailableError."""

    def note(self, user_id: int, erase_at_ms: int) -> None:
        """Have an account erased from then on; said again, the last time counts."""

    def erase_at(self, user_id: int) -> int | None:
        """Return when an account is to be erased, or None."""

    def due(self, now_ms: int, limit: int) -> list[int]:
        """Return accounts whose time has come."""

    def lease(self, user_id: int, now_ms: int, until_ms: int) -> bool:
        """Tell whether this process may be about an account until then: no other is."""

    def forget(self, user_id: int) -> None:
        """Have an account erased no more, or it is done."""

    def close(self) -> None:
        """Let go of it."""


class SqliteDepartures:
    """The table; used from any thread."""

    def __init__(self, path: Path) -> None:
        self._db = open_writer(path, Durability.FULL)
        self._lock = threading.Lock()
        run_script(self._db, _SCHEMA)

    def note(self, user_id: int, erase_at_ms: int) -> None:
        """Have an account erased from then on; said again, the last time counts."""
        with self._used() as db:
            db.execute(_NOTE, (user_id, erase_at_ms))

    def erase_at(self, user_id: int) -> int | None:
        """Return when an account is to be erased, or None."""
        with self._used() as db:
            found: int | None = scalar(db, "SELECT erase_at_ms FROM departures WHERE user_id = ?", (user_id,))
        return found

    def due(self, now_ms: int, limit: int) -> list[int]:
        """Return accounts whose time has come."""
        with self._used() as db:
            return [row[0] for row in rows(db, _DUE, (now_ms, limit))]

    def lease(self, user_id: int, now_ms: int, until_ms: int) -> bool:
        """Tell whether this process may be about an account until then: no other is."""
        with self._used() as db:
            db.execute(_LEASE, (until_ms, user_id, now_ms))
            return db.changes() == 1

    def forget(self, user_id: int) -> None:
        """Have an account erased no more, or it is done."""
        with self._used() as db:
            db.execute("DELETE FROM departures WHERE user_id = ?", (user_id,))

    @contextmanager
    def _used(self) -> Iterator[apsw.Connection]:
        with self._lock:
            try:
                yield self._db
            except apsw.Error as error:
                raise StoreUnavailableError(f"departures: {type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()
