"""Which sessions have ended before their tokens did: followed in credentials.db, read-only, at one seek a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import apsw

from infra.sqlite.changes import ChangeFeed
from infra.sqlite.connections import open_reader, rows

if TYPE_CHECKING:
    from pathlib import Path

TABLE = "revocations"
LONGEST_ACCESS_TOKEN_MS = 1440 * 60_000  # the upper bound of settings.access_token_minutes


class Revocations(Protocol):
    """Tells whether a session has been revoked."""

    def __contains__(self, session_id: int) -> bool: ...


class SqliteRevocations:
    """Follows the table of credentials.db; an answer is as fresh as the file.

    The file may be missing at first (no command process has run yet): then nothing is revoked.
    """

    def __init__(self, path: Path, now_ms: int) -> None:
        self._path = path
        self._since_ms = now_ms - LONGEST_ACCESS_TOKEN_MS
        self._revoked: set[int] = set()
        self._feed: ChangeFeed | None = None
        self._connection: apsw.Connection | None = None
        self._open()

    def __contains__(self, session_id: int) -> bool:
        if self._feed is None:
            self._open()
        if self._feed is not None:
            self._revoked.update(self._feed.new())
        return session_id in self._revoked

    def _open(self) -> None:
        try:
            connection = open_reader(self._path)
            feed = ChangeFeed(connection, TABLE)
            ids = rows(connection, f"SELECT id FROM {TABLE} WHERE at_ms >= ?", (self._since_ms,))
        except (apsw.CantOpenError, apsw.SQLError):
            return  # no file, or one that is just being made
        self._connection, self._feed = connection, feed
        self._revoked.update(row[0] for row in ids)

    def close(self) -> None:
        """Close the file."""
        if self._connection:
            self._connection.close()
