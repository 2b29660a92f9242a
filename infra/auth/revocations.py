"""Which sessions have ended before their tokens did: followed in credentials.db, read-only.

The process that revokes tells its own follower by `add`, and may then look into the file less often.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

import apsw

from infra.sqlite.changes import ChangeFeed
from infra.sqlite.connections import open_reader, rows

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

TABLE = "revocations"
LONGEST_ACCESS_TOKEN_MS = 1440 * 60_000  # the upper bound of settings.access_token_minutes


class Revocations(Protocol):
    """Tells whether a session has been revoked."""

    def __contains__(self, session_id: int) -> bool: ...


class FollowedRevocations(Revocations, Protocol):
    """Hears of revocations until it is closed."""

    def among(self, session_ids: Collection[int]) -> Collection[int]:
        """Return those of the sessions that have been revoked."""

    def add(self, session_id: int) -> None:
        """Know at once of a session that this process has revoked."""

    def close(self) -> None:
        """Hear no more."""


class SqliteRevocations:
    """Follows the table of credentials.db; an answer is `stale_s` behind the file at most (0: one seek each time).

    The file may be missing at first (no command process has run yet): then nothing is revoked.
    """

    def __init__(self, path: Path, now_ms: int, stale_s: float = 0.0) -> None:
        self._path = path
        self._stale_s = stale_s
        self._look_at = 0.0
        self._since_ms = now_ms - LONGEST_ACCESS_TOKEN_MS
        self._revoked: set[int] = set()
        self._feed: ChangeFeed | None = None
        self._connection: apsw.Connection | None = None
        self._open()

    def __contains__(self, session_id: int) -> bool:
        if session_id in self._revoked:
            return True
        if (now := time.monotonic()) >= self._look_at:
            self._look_at = now + self._stale_s
            self._look()
        return session_id in self._revoked

    def among(self, session_ids: Collection[int]) -> Collection[int]:
        """Return those of the sessions that were revoked: one look at the file."""
        self._look()
        return self._revoked.intersection(session_ids)

    def add(self, session_id: int) -> None:
        """Know at once of a session that this process has revoked."""
        self._revoked.add(session_id)

    def _look(self) -> None:
        if self._feed is None:
            self._open()
        else:
            self._revoked.update(self._feed.new())

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
