"""Learns which rows of another process's file changed, at the cost of one index seek where none did.

A writer appends the id of what changed to a table `(seq INTEGER PRIMARY KEY, id INTEGER)` in the same transaction as
the change; a reader asks for what came after the last `seq` it saw. So a cache beside the reader is exactly as fresh
as the file, without a time-out and without a message that could be missed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.sqlite.connections import rows, scalar

if TYPE_CHECKING:
    import apsw


class ChangeFeed:
    """Follows one table of changes on one connection."""

    def __init__(self, connection: apsw.Connection, table: str) -> None:
        self._connection = connection
        self._query = f"SELECT seq, id FROM {table} WHERE seq > ? ORDER BY seq"
        self._seq: int = scalar(connection, f"SELECT coalesce(max(seq), 0) FROM {table}")

    def new(self) -> list[int]:
        """Return the ids that changed since the last call (or since the feed was opened), oldest first."""
        changes = rows(self._connection, self._query, (self._seq,))
        if changes:
            self._seq = changes[-1][0]
        return [change[1] for change in changes]
