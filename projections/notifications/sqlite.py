"""Keeps notifications in SQLite.

Consumes:   the writes of projections.notifications.projector
Writes:     notices (recipient, tweet, kind, actor → since when, whether it stands), entries (recipient, minute, tweet,
            kind: the list), marks (user → read up to when), switches (user, kind → whether it is off)
Guarantee:  see infra.sqlite.projection_store; a notice keeps its first time, entries are kept by a trigger
Rebuild:    delete the file
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from infra.sqlite.connections import rows, scalar
from infra.sqlite.projection_store import SqliteProjectionReader, SqliteProjectionStore
from projections.notifications import projector
from projections.notifications.read_model import DAY_MS, MINUTE_MS, Did, Entry, Wishes
from schemas.ids import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from projections.notifications.read_model import Group


class SqliteNotificationsStore(SqliteProjectionStore):
    """The one writer of notifications."""

    HOLDS_TEXT = False
    SCHEMA = f"""
    CREATE TABLE IF NOT EXISTS notices (
        recipient_id INTEGER, tweet_id INTEGER, kind INTEGER, actor_id INTEGER,
        at_ms INTEGER NOT NULL, stands INTEGER NOT NULL,
        PRIMARY KEY (recipient_id, tweet_id, kind, actor_id)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS notices_by_time ON notices (recipient_id, tweet_id, kind, at_ms, actor_id) WHERE stands;
    CREATE TABLE IF NOT EXISTS entries (
        recipient_id INTEGER, minute INTEGER, tweet_id INTEGER, kind INTEGER,
        PRIMARY KEY (recipient_id, minute, tweet_id, kind)) WITHOUT ROWID;
    CREATE TRIGGER IF NOT EXISTS notices_listed AFTER INSERT ON notices BEGIN
        INSERT OR IGNORE INTO entries VALUES (new.recipient_id, new.at_ms / {MINUTE_MS}, new.tweet_id, new.kind);
    END;
    CREATE TABLE IF NOT EXISTS marks (user_id INTEGER PRIMARY KEY, up_to_ms INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS switches (
        user_id INTEGER, kind INTEGER, off INTEGER NOT NULL, PRIMARY KEY (user_id, kind)) WITHOUT ROWID;
    """
    STATEMENTS: ClassVar[Mapping[type[Any], str]] = {
        projector.Tell: (
            "INSERT INTO notices VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET stands = excluded.stands"
        ),
        projector.Recall: (
            "UPDATE notices SET stands = 0 WHERE recipient_id = ? AND tweet_id = ? AND kind = ? AND actor_id = ?"
        ),
        projector.MarkRead: (
            "INSERT INTO marks VALUES (?, ?) ON CONFLICT DO UPDATE SET up_to_ms = max(up_to_ms, excluded.up_to_ms)"
        ),
        projector.Switch: "INSERT INTO switches VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET off = excluded.off",
    }


_ENTRIES = """
SELECT minute, tweet_id, kind FROM entries WHERE recipient_id = ? AND (minute, tweet_id, kind) < (?, ?, ?)
ORDER BY minute DESC, tweet_id DESC, kind DESC LIMIT ?
"""
_NEWEST = Entry(MAX_ID, MAX_ID, MAX_ID)
_GROUP = """
SELECT at_ms, actor_id FROM notices WHERE recipient_id = ? AND tweet_id = ? AND kind = ? AND stands
AND at_ms >= ? AND at_ms < ? ORDER BY at_ms DESC, actor_id DESC LIMIT ?
"""


class SqliteNotificationsReader(SqliteProjectionReader):
    """Reads notifications (NotificationsReader)."""

    def entries(self, user_id: int, before: Entry | None, limit: int) -> list[Entry]:
        """Return entries of the recipient's list, newest first, below `before` (None: from the newest)."""
        found = rows(self._connection, _ENTRIES, (user_id, *(before or _NEWEST), limit))
        return [Entry(*row) for row in found]

    def groups(self, user_id: int, groups: Collection[Group], limit: int) -> dict[Group, list[Did]]:
        """Return the newest notices of each of the recipient's groups that stand, newest first; absent: none."""
        found = {}
        for group in groups:
            start = group.day * DAY_MS
            of_group = (user_id, group.tweet_id, group.kind, start, start + DAY_MS, limit)
            if dids := rows(self._connection, _GROUP, of_group):
                found[group] = [Did(*row) for row in dids]
        return found

    def wishes(self, user_id: int) -> Wishes:
        """Return what the recipient has read and wants."""
        up_to_ms = scalar(self._connection, "SELECT up_to_ms FROM marks WHERE user_id = ?", (user_id,))
        off = rows(self._connection, "SELECT kind FROM switches WHERE user_id = ? AND off", (user_id,))
        return Wishes(up_to_ms or 0, frozenset(row[0] for row in off))
