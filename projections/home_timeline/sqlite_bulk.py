"""Loads the home timelines' file at once: outboxes and relations as they come, timelines at the end, from those.

Consumes:   the writes of projections.home_timeline.projector; what it says of single timelines is passed over
Writes:     as projections.home_timeline.sqlite. Each live reader's newest entries are gathered from the outboxes of
            those it follows, instead of each tweet being pushed to each reader and most of that trimmed away again
Guarantee:  see infra.sqlite.bulk; pages are the same, how they are kept is not: horizons stand where the cap is, and
            celebrities are those who are at the end
Rebuild:    delete the file
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from infra.sqlite.bulk import SqliteBulkStore
from infra.sqlite.connections import rows, run_script
from projections.home_timeline import projector as writes
from projections.home_timeline.read_model import TIMELINE_CAP_ENTRIES
from projections.home_timeline.sqlite import DAY_MS, SqliteHomeTimelineStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import apsw

    from infra.log.port import Span

_LAPSED = """
DELETE FROM readers WHERE last_seen_ms < max(
    coalesce((SELECT max(last_seen_ms) FROM readers), 0), coalesce((SELECT max(tweet_id) >> 16 FROM outbox), 0)) - ?
"""
_FAME = "INSERT INTO celebrities SELECT author_id FROM followers WHERE count >= ?"
_GRAPH = """
INSERT INTO followers SELECT author_id, count(*) FROM follows GROUP BY author_id
"""
# A reader's audience rows, and for each how much of the author's outbox can be in a page of the cap.
_GATHERED = """
CREATE TEMP TABLE said (author_id INTEGER PRIMARY KEY, entries INTEGER NOT NULL);
INSERT INTO said SELECT author_id, count(*) FROM outbox GROUP BY author_id;
CREATE TEMP TABLE gathered (reader_id INTEGER, author_id INTEGER, PRIMARY KEY (reader_id, author_id)) WITHOUT ROWID;
INSERT INTO gathered SELECT reader_id, author_id FROM follows
    WHERE reader_id IN (SELECT reader_id FROM readers) AND author_id NOT IN (SELECT author_id FROM celebrities);
INSERT OR IGNORE INTO gathered SELECT reader_id, reader_id FROM readers
    WHERE reader_id NOT IN (SELECT author_id FROM celebrities);
INSERT INTO audience SELECT author_id, reader_id FROM gathered ORDER BY author_id, reader_id;
CREATE TEMP TABLE busy (reader_id INTEGER PRIMARY KEY);
"""
_BUSY = "INSERT INTO busy SELECT reader_id FROM gathered JOIN said USING (author_id) GROUP BY 1 HAVING sum(entries) > ?"
_WHOLE = """
INSERT INTO entries SELECT reader_id, tweet_id, author_id, original_id, parent_author_id
FROM gathered CROSS JOIN outbox USING (author_id) WHERE reader_id NOT IN (SELECT reader_id FROM busy)
"""
_NEWEST = """
INSERT INTO entries SELECT ?1, tweet_id, author_id, original_id, parent_author_id
FROM gathered CROSS JOIN outbox USING (author_id) WHERE reader_id = ?1 ORDER BY tweet_id DESC LIMIT ?2
"""
_HORIZON = """
UPDATE readers SET horizon = (SELECT min(tweet_id) FROM entries WHERE entries.reader_id = readers.reader_id)
WHERE reader_id = ?
"""


class SqliteHomeTimelineBulk(SqliteBulkStore):
    """The one writer of home timelines while they are loaded."""

    STORE = SqliteHomeTimelineStore
    STATEMENTS: ClassVar[Mapping[type[Any], str]] = {
        writes.OpenTimeline: """
            INSERT INTO readers VALUES (?, ?, 0)
            ON CONFLICT DO UPDATE SET last_seen_ms = max(last_seen_ms, excluded.last_seen_ms)""",
        writes.AddFollow: "INSERT OR IGNORE INTO follows VALUES (?, ?)",
        writes.RemoveFollow: "DELETE FROM follows WHERE reader_id = ? AND author_id = ?",
        writes.PutEntry: "INSERT OR IGNORE INTO outbox VALUES (?, ?, ?, ?)",
        writes.RemoveEntry: "DELETE FROM outbox WHERE author_id = ? AND tweet_id = ?",
    }

    def __init__(
        self,
        path: Path,
        log_id: str,
        *,
        celebrity_followers: int,
        active_days: int,
        cap: int = TIMELINE_CAP_ENTRIES,
    ) -> None:
        super().__init__(path, log_id)
        self._celebrity_followers = celebrity_followers
        self._active_ms = active_days * DAY_MS
        self._cap = cap

    def _write(self, writes: Iterable[Any], span: Span) -> None:
        super()._write((write for write in writes if type(write) in self._statements), span)

    def _count(self) -> None:
        connection = self._connection
        if self._active_ms:
            connection.execute(_LAPSED, (self._active_ms,))
        else:
            run_script(connection, "DELETE FROM readers")
        connection.execute(_GRAPH)
        connection.execute(_FAME, (self._celebrity_followers,))
        connection.execute("INSERT INTO policy VALUES (?)", (self._celebrity_followers,))
        run_script(connection, _GATHERED)
        connection.execute(_BUSY, (self._cap,))
        connection.execute(_WHOLE)
        for (reader_id,) in rows(connection, "SELECT reader_id FROM busy"):
            connection.execute(_NEWEST, (reader_id, self._cap))
            connection.execute(_HORIZON, (reader_id,))
        run_script(connection, "DROP TABLE temp.busy; DROP TABLE temp.gathered; DROP TABLE temp.said;")


_NOBODYS = ("DELETE FROM entries WHERE reader_id = ?1", "DELETE FROM audience WHERE reader_id = ?1")
_JOINED = """
INSERT OR IGNORE INTO audience SELECT author_id, ?1 FROM (
    SELECT author_id FROM follows WHERE reader_id = ?1 UNION SELECT ?1)
WHERE author_id NOT IN (SELECT author_id FROM celebrities) AND EXISTS (SELECT 1 FROM readers WHERE reader_id = ?1)
"""
_TAKEN_IN = """
INSERT INTO entries SELECT ?1, tweet_id, author_id, original_id, parent_author_id
FROM audience CROSS JOIN outbox USING (author_id)
WHERE reader_id = ?1 AND author_id IN (SELECT author_id FROM follows WHERE reader_id = ?1 UNION SELECT ?1)
ORDER BY tweet_id DESC LIMIT ?2
"""
_STARTS_AT = """
UPDATE readers SET horizon = coalesce((
    SELECT tweet_id FROM entries WHERE entries.reader_id = ?1 ORDER BY tweet_id DESC LIMIT 1 OFFSET ?2 - 1), 0)
WHERE reader_id = ?1
"""


def gather(connection: apsw.Connection, reader_id: int, cap: int = TIMELINE_CAP_ENTRIES) -> None:
    """Make one reader's timeline anew from the outboxes of those it follows; inside the caller's transaction."""
    for statement in (*_NOBODYS, _JOINED):
        connection.execute(statement, (reader_id,))
    connection.execute(_TAKEN_IN, (reader_id, cap))
    connection.execute(_STARTS_AT, (reader_id, cap))
