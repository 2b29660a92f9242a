"""Keeps engagement in SQLite.

Consumes:   the writes of projections.engagement.projector
Writes:     likes, bookmarks, retweets (user_id, tweet → since when),
            responses (tweet_id → what it replies to or quotes),
            counts (tweet_id → likes, retweets, replies, quotes), interactions (viewer_id, author_id → how often),
            buried (ids that stay removed)
Guarantee:  see infra.sqlite.projection_store; counts and interactions are kept by triggers on the rows they count
Rebuild:    delete the file
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from infra.sqlite.connections import rows, scalar
from infra.sqlite.id_sets import id_set
from infra.sqlite.projection_store import SqliteProjectionReader, SqliteProjectionStore
from projections.engagement import projector
from projections.engagement.read_model import Flags, Like, Mark
from schemas.ids import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from projections.engagement.read_model import CountsRow


def _counted(table: str, tweet: str, column: str, viewer: str, author: str) -> str:
    """Return the triggers that count a table's rows in one column of counts and in interactions."""
    return f"""
    CREATE TRIGGER IF NOT EXISTS {table}_{column}_up AFTER INSERT ON {table} WHEN new.{tweet} > 0 BEGIN
        INSERT INTO counts (tweet_id, {column}) VALUES (new.{tweet}, 1)
            ON CONFLICT DO UPDATE SET {column} = {column} + 1;
        INSERT INTO interactions SELECT new.{viewer}, new.{author}, 1 WHERE new.{viewer} <> new.{author}
            ON CONFLICT DO UPDATE SET n = n + 1;
    END;
    CREATE TRIGGER IF NOT EXISTS {table}_{column}_down AFTER DELETE ON {table} WHEN old.{tweet} > 0 BEGIN
        UPDATE counts SET {column} = {column} - 1 WHERE tweet_id = old.{tweet};
        DELETE FROM counts
            WHERE tweet_id = old.{tweet} AND likes = 0 AND retweets = 0 AND replies = 0 AND quotes = 0;
        UPDATE interactions SET n = n - 1 WHERE viewer_id = old.{viewer} AND author_id = old.{author};
        DELETE FROM interactions WHERE viewer_id = old.{viewer} AND author_id = old.{author} AND n = 0;
    END;
    """


def _unless_buried(table: str) -> str:
    return f"""
    CREATE TRIGGER IF NOT EXISTS {table}_unless_buried BEFORE INSERT ON {table}
    WHEN EXISTS (SELECT 1 FROM buried WHERE tweet_id = new.tweet_id) BEGIN
        SELECT RAISE(IGNORE);
    END;
    """


class SqliteEngagementStore(SqliteProjectionStore):
    """The one writer of engagement."""

    HOLDS_TEXT = False
    SCHEMA = f"""
    CREATE TABLE IF NOT EXISTS likes (
        user_id INTEGER, tweet_id INTEGER, author_id INTEGER NOT NULL, at_ms INTEGER NOT NULL,
        PRIMARY KEY (user_id, tweet_id)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS likers_by_time ON likes (tweet_id, at_ms, user_id);
    CREATE TABLE IF NOT EXISTS bookmarks (
        user_id INTEGER, tweet_id INTEGER, at_ms INTEGER NOT NULL,
        PRIMARY KEY (user_id, tweet_id)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS bookmarks_by_time ON bookmarks (user_id, at_ms, tweet_id);
    CREATE TABLE IF NOT EXISTS retweets (
        user_id INTEGER, original_id INTEGER, tweet_id INTEGER, original_author_id INTEGER NOT NULL,
        at_ms INTEGER NOT NULL, PRIMARY KEY (user_id, original_id, tweet_id)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS retweeters_by_time ON retweets (original_id, at_ms, user_id);
    CREATE TABLE IF NOT EXISTS responses (
        tweet_id INTEGER PRIMARY KEY, author_id INTEGER NOT NULL,
        parent_id INTEGER NOT NULL, parent_author_id INTEGER NOT NULL,
        quoted_id INTEGER NOT NULL, quoted_author_id INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS buried (tweet_id INTEGER PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS counts (
        tweet_id INTEGER PRIMARY KEY, likes INTEGER NOT NULL DEFAULT 0, retweets INTEGER NOT NULL DEFAULT 0,
        replies INTEGER NOT NULL DEFAULT 0, quotes INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE IF NOT EXISTS interactions (
        viewer_id INTEGER, author_id INTEGER, n INTEGER NOT NULL,
        PRIMARY KEY (viewer_id, author_id)) WITHOUT ROWID;
    {_unless_buried("retweets")}
    {_unless_buried("responses")}
    {_counted("likes", "tweet_id", "likes", "user_id", "author_id")}
    {_counted("retweets", "original_id", "retweets", "user_id", "original_author_id")}
    {_counted("responses", "parent_id", "replies", "author_id", "parent_author_id")}
    {_counted("responses", "quoted_id", "quotes", "author_id", "quoted_author_id")}
    """
    STATEMENTS: ClassVar[Mapping[type[Any], str]] = {
        projector.AddLike: "INSERT OR IGNORE INTO likes VALUES (?, ?, ?, ?)",
        projector.RemoveLike: "DELETE FROM likes WHERE user_id = ? AND tweet_id = ?",
        projector.AddBookmark: "INSERT OR IGNORE INTO bookmarks VALUES (?, ?, ?)",
        projector.RemoveBookmark: "DELETE FROM bookmarks WHERE user_id = ? AND tweet_id = ?",
        projector.AddRetweet: "INSERT OR IGNORE INTO retweets VALUES (?, ?, ?, ?, ?)",
        projector.RemoveRetweet: "DELETE FROM retweets WHERE user_id = ? AND original_id = ? AND tweet_id = ?",
        projector.AddResponse: "INSERT OR IGNORE INTO responses VALUES (?, ?, ?, ?, ?, ?)",
        projector.RemoveResponse: "DELETE FROM responses WHERE tweet_id = ?",
        projector.Bury: "INSERT OR IGNORE INTO buried VALUES (?)",
    }


_COUNTS = "SELECT counts.* FROM json_each(?) AS wanted CROSS JOIN counts ON tweet_id = wanted.value"
# A page's ids lie close together: one range of the viewer's rows finds all marks in a third of the time of a look-up
# per id, unless the viewer has left more marks in between than a page has ids.
_MARKS_IN_RANGE = 500
_SOURCES = ("likes", "tweet_id"), ("retweets", "original_id"), ("bookmarks", "tweet_id")
_IN_RANGE = (
    " UNION ALL ".join(
        f"SELECT {place}, {tweet} FROM {table} WHERE user_id = ?1 AND {tweet} BETWEEN ?2 AND ?3"
        for place, (table, tweet) in enumerate(_SOURCES)
    )
    + f" LIMIT {_MARKS_IN_RANGE}"
)
_AMONG = " UNION ALL ".join(
    f"SELECT {place}, {tweet} FROM json_each(?2) AS ids CROSS JOIN {table} ON user_id = ?1 AND {tweet} = ids.value"
    for place, (table, tweet) in enumerate(_SOURCES)
)
_OF_MANY = " UNION ALL ".join(
    f"SELECT {place}, users.value, ids.value FROM json_each(?1) AS users CROSS JOIN json_each(?2) AS ids"
    f" CROSS JOIN {table} ON user_id = users.value AND {tweet} = ids.value"
    for place, (table, tweet) in enumerate(_SOURCES)
)
_LIKERS = """
SELECT at_ms, user_id FROM likes WHERE tweet_id = ? AND (at_ms, user_id) < (?, ?)
ORDER BY at_ms DESC, user_id DESC LIMIT ?
"""
_RETWEETERS = """
SELECT at_ms, user_id FROM retweets WHERE original_id = ? AND (at_ms, user_id) < (?, ?)
ORDER BY at_ms DESC, user_id DESC LIMIT ?
"""
_BOOKMARKS = """
SELECT at_ms, tweet_id FROM bookmarks WHERE user_id = ? AND (at_ms, tweet_id) < (?, ?)
ORDER BY at_ms DESC, tweet_id DESC LIMIT ?
"""
_LIKES = "SELECT tweet_id, author_id, at_ms FROM likes WHERE user_id = ? AND tweet_id > ? ORDER BY tweet_id LIMIT ?"
_RETWEET_ID = "SELECT tweet_id FROM retweets WHERE user_id = ? AND original_id = ? LIMIT 1"
_INTERACTIONS = """
SELECT author_id, n FROM json_each(?2) AS wanted CROSS JOIN interactions
ON viewer_id = ?1 AND author_id = wanted.value
"""
_NEWEST = Mark(MAX_ID, MAX_ID)
_NOTHING: frozenset[int] = frozenset()


class SqliteEngagementReader(SqliteProjectionReader):
    """Reads engagement (EngagementReader)."""

    def counts(self, tweet_ids: Collection[int]) -> dict[int, CountsRow]:
        """Return the fields of Counts of each tweet; a tweet nobody engaged with may be absent."""
        return {row[0]: row[1:] for row in rows(self._connection, _COUNTS, (id_set(tweet_ids),))}

    def flags(self, viewer_id: int, tweet_ids: Collection[int]) -> Flags:
        """Return what the viewer did with the tweets."""
        if not tweet_ids:
            return Flags(_NOTHING, _NOTHING, _NOTHING)
        found = rows(self._connection, _IN_RANGE, (viewer_id, min(tweet_ids), max(tweet_ids)))
        if len(found) == _MARKS_IN_RANGE:
            found = rows(self._connection, _AMONG, (viewer_id, id_set(tweet_ids)))
        marked: list[set[int]] = [set() for _ in _SOURCES]
        for place, tweet_id in found:
            marked[place].add(tweet_id)
        return Flags._make(frozenset(marks.intersection(tweet_ids)) if marks else _NOTHING for marks in marked)

    def flags_of_many(self, viewer_ids: Collection[int], tweet_ids: Collection[int]) -> dict[int, Flags]:
        """Return what each of the viewers did with the tweets; one who did nothing may be absent."""
        found: dict[int, list[set[int]]] = {}
        for place, viewer_id, tweet_id in rows(self._connection, _OF_MANY, (id_set(viewer_ids), id_set(tweet_ids))):
            found.setdefault(viewer_id, [set() for _ in _SOURCES])[place].add(tweet_id)
        return {viewer_id: Flags._make(map(frozenset, marked)) for viewer_id, marked in found.items()}

    def likers(self, tweet_id: int, before: Mark | None, limit: int) -> list[Mark]:
        """Return who likes the tweet."""
        return self._page(_LIKERS, tweet_id, before, limit)

    def retweeters(self, tweet_id: int, before: Mark | None, limit: int) -> list[Mark]:
        """Return who retweeted the tweet."""
        return self._page(_RETWEETERS, tweet_id, before, limit)

    def bookmarks(self, user_id: int, before: Mark | None, limit: int) -> list[Mark]:
        """Return the tweets that the account keeps."""
        return self._page(_BOOKMARKS, user_id, before, limit)

    def likes(self, user_id: int, after_id: int, limit: int) -> list[Like]:
        """Return the tweets that the account likes, by ascending id above `after_id`."""
        return [Like._make(row) for row in rows(self._connection, _LIKES, (user_id, after_id, limit))]

    def retweet_id(self, user_id: int, original_id: int) -> int | None:
        """Return the id of the account's own retweet of a tweet, or None."""
        found: int | None = scalar(self._connection, _RETWEET_ID, (user_id, original_id))
        return found

    def interactions(self, viewer_id: int, author_ids: Collection[int]) -> dict[int, int]:
        """Return how often the viewer liked, retweeted, replied to or quoted each author; absent: never."""
        return dict(rows(self._connection, _INTERACTIONS, (viewer_id, id_set(author_ids))))

    def _page(self, query: str, of: int, before: Mark | None, limit: int) -> list[Mark]:
        return [Mark._make(row) for row in rows(self._connection, query, (of, *(before or _NEWEST), limit))]
