"""Home timelines in SQLite: outboxes to pull from, entries pushed to live readers, and a horizon between the two.

Consumes:   the writes of projector.py
Writes:     outbox (author → entries), follows (reader → authors), audience (author → live readers),
            entries (live reader → entries), readers (live reader → last seen, horizon), celebrities
Guarantee:  an entry of a followed author who is no celebrity, at or above the reader's horizon, is in the reader's
            entries: a read of entries above the horizon plus outboxes below it misses nothing
Rebuild:    delete the file

NOTE: in a trigger SQLite lets the outer statement's conflict rule win, so OR IGNORE inside one does not hold.

A *celebrity* (sticky, from `celebrity_followers` followers on) is never pushed: readers merge its outbox. A *live*
reader was seen within `active_days` of event time; the timelines of all others are pulled whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from infra.sqlite.connections import rows, run_script, scalar
from infra.sqlite.projection_store import SqliteProjectionStore
from projections.home_timeline import projector as writes
from projections.home_timeline.read_model import FILL_PER_AUTHOR, TIMELINE_CAP_ENTRIES, TRIM_ONE_IN

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import apsw

DAY_MS = 86_400_000

SCHEMA = """
CREATE TABLE IF NOT EXISTS policy (celebrity_followers INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS outbox (
    author_id INTEGER, tweet_id INTEGER, original_id INTEGER NOT NULL, parent_author_id INTEGER NOT NULL,
    PRIMARY KEY (author_id, tweet_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS follows (
    reader_id INTEGER, author_id INTEGER, PRIMARY KEY (reader_id, author_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS followers (author_id INTEGER PRIMARY KEY, count INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS celebrities (author_id INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS readers (
    reader_id INTEGER PRIMARY KEY, last_seen_ms INTEGER NOT NULL, horizon INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS readers_by_last_seen ON readers (last_seen_ms);
CREATE TABLE IF NOT EXISTS audience (
    author_id INTEGER, reader_id INTEGER, PRIMARY KEY (author_id, reader_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries (
    reader_id INTEGER, tweet_id INTEGER, author_id INTEGER NOT NULL, original_id INTEGER NOT NULL,
    parent_author_id INTEGER NOT NULL, PRIMARY KEY (reader_id, tweet_id)) WITHOUT ROWID;

CREATE TRIGGER IF NOT EXISTS follow_counts AFTER INSERT ON follows BEGIN
    INSERT INTO followers VALUES (NEW.author_id, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER IF NOT EXISTS unfollow_uncounts AFTER DELETE ON follows BEGIN
    UPDATE followers SET count = count - 1 WHERE author_id = OLD.author_id;
    DELETE FROM audience WHERE author_id = OLD.author_id AND reader_id = OLD.reader_id;
    DELETE FROM entries WHERE reader_id = OLD.reader_id AND author_id = OLD.author_id;
END;
CREATE TRIGGER IF NOT EXISTS fame AFTER UPDATE ON followers
WHEN NEW.count > OLD.count AND NEW.count >= (SELECT celebrity_followers FROM policy)
    AND NOT EXISTS (SELECT 1 FROM celebrities WHERE author_id = NEW.author_id) BEGIN
    INSERT INTO celebrities VALUES (NEW.author_id);
END;
CREATE TRIGGER IF NOT EXISTS fame_at_once AFTER INSERT ON followers
WHEN NEW.count >= (SELECT celebrity_followers FROM policy)
    AND NOT EXISTS (SELECT 1 FROM celebrities WHERE author_id = NEW.author_id) BEGIN
    INSERT INTO celebrities VALUES (NEW.author_id);
END;
CREATE TRIGGER IF NOT EXISTS fame_ends_pushing AFTER INSERT ON celebrities BEGIN
    DELETE FROM audience WHERE author_id = NEW.author_id;
END;
CREATE TRIGGER IF NOT EXISTS horizon_rises AFTER UPDATE OF horizon ON readers WHEN NEW.horizon > OLD.horizon BEGIN
    DELETE FROM entries WHERE reader_id = NEW.reader_id AND tweet_id < NEW.horizon;
END;
"""

_PUSH = """
INSERT OR IGNORE INTO entries SELECT reader_id, ?2, ?1, ?3, ?4 FROM audience WHERE author_id = ?1
"""
_RETRACT = """
DELETE FROM entries WHERE tweet_id = ?2 AND reader_id IN (SELECT reader_id FROM audience WHERE author_id = ?1)
"""
_RAISE_HORIZON = "UPDATE readers SET horizon = ?2 WHERE reader_id = ?1 AND horizon < ?2"
_FILL = """
INSERT OR IGNORE INTO entries SELECT ?1, tweet_id, author_id, original_id, parent_author_id FROM outbox
WHERE author_id = ?2 AND tweet_id >= ?3 ORDER BY tweet_id DESC LIMIT ?4
"""
_NTH_NEWEST = "SELECT tweet_id FROM outbox WHERE author_id = ? ORDER BY tweet_id DESC LIMIT 1 OFFSET ?"


class SqliteHomeTimelineStore(SqliteProjectionStore):
    """The one writer of home timelines; the limits are parameters so that tests can reach them."""

    HOLDS_TEXT = False
    SCHEMA = SCHEMA
    STATEMENTS: ClassVar[Mapping[type[Any], str]] = {}

    def __init__(
        self,
        path: Path,
        log_id: str,
        *,
        celebrity_followers: int,
        active_days: int,
        cap: int = TIMELINE_CAP_ENTRIES,
        trim_one_in: int = TRIM_ONE_IN,
        fill_per_author: int = FILL_PER_AUTHOR,
    ) -> None:
        self._active_ms = active_days * DAY_MS
        self._cap = cap
        self._fill_per_author = fill_per_author
        trim = f"""
            UPDATE readers SET horizon = max(horizon, coalesce((
                SELECT tweet_id FROM entries WHERE entries.reader_id = readers.reader_id
                ORDER BY tweet_id DESC LIMIT 1 OFFSET {cap - 1}), 0))
            WHERE reader_id IN (
                SELECT reader_id FROM audience
                WHERE author_id = ?1 AND ((reader_id >> 16) + (?2 >> 16) + (?2 >> 8)) % {trim_one_in} = 0)
            """
        super().__init__(path, log_id)
        self._statements = {  # of the instance: the limits are part of the statements
            writes.OpenTimeline: self._open,
            writes.AddFollow: self._follow,
            writes.RemoveFollow: "DELETE FROM follows WHERE reader_id = ? AND author_id = ?",
            writes.PutEntry: "INSERT OR IGNORE INTO outbox VALUES (?, ?, ?, ?)",
            writes.PushEntry: _PUSH,
            writes.RemoveEntry: "DELETE FROM outbox WHERE author_id = ? AND tweet_id = ?",
            writes.RetractEntry: _RETRACT,
            writes.TrimAudience: trim,
            writes.CloseLapsed: self._close_lapsed,
        }
        with self._connection:
            _set_policy(self._connection, celebrity_followers)
            if not active_days:
                run_script(self._connection, "DELETE FROM readers; DELETE FROM audience; DELETE FROM entries")

    def _open(self, connection: apsw.Connection, write: writes.OpenTimeline) -> None:
        if not self._active_ms:
            return
        query = "UPDATE readers SET last_seen_ms = max(last_seen_ms, ?2) WHERE reader_id = ?1 RETURNING 1"
        if scalar(connection, query, write) is not None:
            return
        reader_id = write.reader_id
        connection.execute("INSERT INTO readers VALUES (?, ?, 0)", write)
        authors = rows(connection, "SELECT author_id FROM follows WHERE reader_id = ? UNION SELECT ?1", (reader_id,))
        for (author_id,) in authors:
            self._take_in(connection, reader_id, author_id, self._fill_per_author)

    def _follow(self, connection: apsw.Connection, write: writes.AddFollow) -> None:
        connection.execute("INSERT OR IGNORE INTO follows VALUES (?, ?)", write)
        if connection.changes() and scalar(connection, "SELECT 1 FROM readers WHERE reader_id = ?", write[:1]):
            self._take_in(connection, *write, self._cap)

    def _take_in(self, connection: apsw.Connection, reader_id: int, author_id: int, limit: int) -> None:
        """Join a live reader to an author's audience, and fill in up to `limit` of what the author has said.

        What is left out is put below the horizon, where reads pull.
        """
        if scalar(connection, "SELECT 1 FROM celebrities WHERE author_id = ?", (author_id,)):
            return
        connection.execute("INSERT OR IGNORE INTO audience VALUES (?, ?)", (author_id, reader_id))
        oldest_filled = scalar(connection, _NTH_NEWEST, (author_id, limit - 1)) or 0
        connection.execute(_RAISE_HORIZON, (reader_id, oldest_filled))
        horizon = scalar(connection, "SELECT horizon FROM readers WHERE reader_id = ?", (reader_id,))
        connection.execute(_FILL, (reader_id, author_id, horizon, limit))

    def _close_lapsed(self, connection: apsw.Connection, write: writes.CloseLapsed) -> None:
        query = "DELETE FROM readers WHERE last_seen_ms < ? RETURNING reader_id"
        for (reader_id,) in rows(connection, query, (write.latest_ms - self._active_ms,)):
            connection.execute("DELETE FROM entries WHERE reader_id = ?", (reader_id,))
            connection.execute(
                "DELETE FROM audience WHERE reader_id = ?1 AND author_id IN "
                "(SELECT author_id FROM follows WHERE reader_id = ?1 UNION SELECT ?1)",
                (reader_id,),
            )


def _set_policy(connection: apsw.Connection, celebrity_followers: int) -> None:
    """Store the threshold; whoever has reached it by now becomes a celebrity, and nobody ceases to be one."""
    run_script(connection, "DELETE FROM policy")
    connection.execute("INSERT INTO policy VALUES (?)", (celebrity_followers,))
    connection.execute(
        "INSERT OR IGNORE INTO celebrities SELECT author_id FROM followers WHERE count >= ?1 AND ?1",
        (celebrity_followers,),
    )
