"""Keeps tweets in SQLite.

Consumes:   the writes of projections.tweets.projector
Writes:     tweets (tweet_id → row), author_counts (author_id → tweets that stand), removals (what is gone for good),
            changes (what was moderated, for caches)
Guarantee:  see infra.sqlite.projection_store; what was removed stays removed, and its retweets with it, whatever is
            delivered again and in whichever order
Rebuild:    delete the file
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from infra.sqlite.changes import ChangeFeed
from infra.sqlite.connections import rows
from infra.sqlite.id_sets import id_set
from infra.sqlite.projection_store import SqliteProjectionReader, SqliteProjectionStore
from projections.tweets.projector import ModerateTweet, RemoveTweet
from projections.tweets.read_model import Tweet
from schemas.ids import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path


class SqliteTweetsStore(SqliteProjectionStore):
    """The one writer of tweets."""

    SCHEMA_VERSION = 2
    # An index on one column ends in the rowid, which is the tweet's id: each list is one range of its index.
    SCHEMA = """
    CREATE TABLE IF NOT EXISTS tweets (
        tweet_id INTEGER PRIMARY KEY, author_id INTEGER NOT NULL, kind INTEGER NOT NULL,
        conversation_id INTEGER NOT NULL, parent_id INTEGER NOT NULL, parent_author_id INTEGER NOT NULL,
        original_id INTEGER NOT NULL, original_author_id INTEGER NOT NULL, quoted_id INTEGER NOT NULL,
        body BLOB NOT NULL, hidden INTEGER NOT NULL, label TEXT NOT NULL, limited INTEGER NOT NULL);
    CREATE INDEX IF NOT EXISTS tweets_by_author ON tweets (author_id);
    CREATE INDEX IF NOT EXISTS tweets_by_parent ON tweets (parent_id) WHERE parent_id > 0;
    CREATE INDEX IF NOT EXISTS tweets_by_quoted ON tweets (quoted_id) WHERE quoted_id > 0;
    CREATE INDEX IF NOT EXISTS tweets_by_conversation ON tweets (conversation_id) WHERE parent_id > 0;
    CREATE INDEX IF NOT EXISTS tweets_by_original ON tweets (original_id) WHERE original_id > 0;
    CREATE TABLE IF NOT EXISTS removals (seq INTEGER PRIMARY KEY, id INTEGER NOT NULL UNIQUE);
    CREATE TABLE IF NOT EXISTS changes (seq INTEGER PRIMARY KEY, id INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS author_counts (author_id INTEGER PRIMARY KEY, tweets INTEGER NOT NULL);
    CREATE TRIGGER IF NOT EXISTS removed_for_good BEFORE INSERT ON tweets
    WHEN EXISTS (SELECT 1 FROM removals WHERE id IN (new.tweet_id, new.original_id)) BEGIN
        SELECT RAISE(IGNORE);
    END;
    CREATE TRIGGER IF NOT EXISTS tweet_put AFTER INSERT ON tweets BEGIN
        INSERT INTO author_counts VALUES (new.author_id, 1) ON CONFLICT DO UPDATE SET tweets = tweets + 1;
    END;
    CREATE TRIGGER IF NOT EXISTS tweet_gone AFTER DELETE ON tweets BEGIN
        UPDATE author_counts SET tweets = tweets - 1 WHERE author_id = old.author_id;
        DELETE FROM author_counts WHERE author_id = old.author_id AND tweets = 0;
    END;
    CREATE TRIGGER IF NOT EXISTS tweet_moderated AFTER UPDATE ON tweets BEGIN
        INSERT INTO changes (id) VALUES (new.tweet_id);
    END;
    CREATE TRIGGER IF NOT EXISTS tweet_removed AFTER INSERT ON removals BEGIN
        DELETE FROM tweets WHERE tweet_id = new.id;
        DELETE FROM tweets WHERE original_id = new.id AND original_id > 0;
    END;
    """
    STATEMENTS: ClassVar[Mapping[type[Any], str]] = {
        RemoveTweet: "INSERT OR IGNORE INTO removals (id) VALUES (?)",
        Tweet: "INSERT OR IGNORE INTO tweets VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ModerateTweet: "UPDATE tweets SET hidden = ?2, label = ?3, limited = ?4 WHERE tweet_id = ?1",
    }


_MANY = "SELECT tweets.* FROM json_each(?) AS wanted CROSS JOIN tweets ON tweet_id = wanted.value"
_PAGE = "SELECT tweet_id FROM tweets WHERE {} AND tweet_id < ? ORDER BY tweet_id DESC LIMIT ?"
_BY_AUTHOR = _PAGE.format("author_id = ?")
_REPLIES = _PAGE.format("parent_id = ? AND parent_id > 0")
_QUOTES = _PAGE.format("quoted_id = ? AND quoted_id > 0")
_CONVERSATION = _PAGE.format("conversation_id = ? AND parent_id > 0")
_COUNTS = "SELECT author_id, tweets FROM json_each(?) AS wanted CROSS JOIN author_counts ON author_id = wanted.value"


class SqliteTweetsReader(SqliteProjectionReader):
    """Reads tweets (TweetsReader)."""

    SCHEMA_VERSION = SqliteTweetsStore.SCHEMA_VERSION

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._removals = ChangeFeed(self._connection, "removals")
        self._moderated = ChangeFeed(self._connection, "changes")

    def many(self, tweet_ids: Collection[int]) -> dict[int, Tweet]:
        """Return the tweets that stand among the ids."""
        return {row[0]: Tweet._make(row) for row in rows(self._connection, _MANY, (id_set(tweet_ids),))}

    def by_author(self, author_id: int, max_id: int | None, limit: int) -> list[int]:
        """Return an author's tweets, replies, quotes and retweets."""
        return self._page(_BY_AUTHOR, author_id, max_id, limit)

    def replies(self, parent_id: int, max_id: int | None, limit: int) -> list[int]:
        """Return the direct replies to a tweet."""
        return self._page(_REPLIES, parent_id, max_id, limit)

    def quotes(self, quoted_id: int, max_id: int | None, limit: int) -> list[int]:
        """Return the tweets that quote a tweet."""
        return self._page(_QUOTES, quoted_id, max_id, limit)

    def conversation(self, conversation_id: int, max_id: int | None, limit: int) -> list[int]:
        """Return the replies, at any depth, of a conversation (without its root)."""
        return self._page(_CONVERSATION, conversation_id, max_id, limit)

    def counts_by_author(self, author_ids: Collection[int]) -> dict[int, int]:
        """Return how many tweets of each author stand (all kinds); an author without any may be absent."""
        return dict(rows(self._connection, _COUNTS, (id_set(author_ids),)))

    def removed(self) -> list[int]:
        """Return the ids of the tweets that were deleted or moderated since the last call: caches drop them."""
        return self._removals.new() + self._moderated.new()

    def _page(self, query: str, of: int, max_id: int | None, limit: int) -> list[int]:
        below = MAX_ID if max_id is None else max_id
        return [row[0] for row in rows(self._connection, query, (of, below, limit))]
