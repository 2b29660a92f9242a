"""Keeps media in SQLite.

Consumes:   the writes of projections.media.projector
Writes:     media (media_id → row), attached (media_id → tweet), tweets_gone (tweet_id → when, of tweets with media),
            tweets_hidden (tweet_id → whether it is), slots (owner_id, slot → media_id)
Guarantee:  see infra.sqlite.projection_store; what was uploaded or attached twice stays as it was first
Rebuild:    delete the file
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from infra.sqlite.connections import rows
from infra.sqlite.id_sets import id_set
from infra.sqlite.projection_store import SqliteProjectionReader, SqliteProjectionStore
from projections.media.projector import Attach, Blank, Collect, Describe, Hide, Put, SetSlot, Settle, TweetGone
from projections.media.read_model import Media, Use
from schemas.ids import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class SqliteMediaStore(SqliteProjectionStore):
    """The one writer of media."""

    SCHEMA = """
    CREATE TABLE IF NOT EXISTS media (
        media_id INTEGER PRIMARY KEY, owner_id INTEGER NOT NULL, at_ms INTEGER NOT NULL, content_type TEXT NOT NULL,
        size INTEGER NOT NULL, state INTEGER NOT NULL, alt_text TEXT NOT NULL, kind TEXT NOT NULL, file TEXT NOT NULL,
        served_type TEXT NOT NULL, served_size INTEGER NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
        duration_ms INTEGER NOT NULL, blurhash TEXT NOT NULL, poster TEXT NOT NULL, thumbnails BLOB NOT NULL,
        reason TEXT NOT NULL, collected_at_ms INTEGER NOT NULL);
    CREATE INDEX IF NOT EXISTS media_by_owner ON media (owner_id);
    CREATE INDEX IF NOT EXISTS media_by_time ON media (at_ms) WHERE collected_at_ms = 0;
    CREATE TABLE IF NOT EXISTS attached (media_id INTEGER PRIMARY KEY, tweet_id INTEGER NOT NULL);
    CREATE INDEX IF NOT EXISTS attached_by_tweet ON attached (tweet_id);
    CREATE TABLE IF NOT EXISTS tweets_gone (tweet_id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL);
    CREATE INDEX IF NOT EXISTS tweets_gone_by_time ON tweets_gone (at_ms);
    CREATE TABLE IF NOT EXISTS tweets_hidden (tweet_id INTEGER PRIMARY KEY, hidden INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS slots (
        owner_id INTEGER, slot INTEGER, media_id INTEGER NOT NULL, at_ms INTEGER NOT NULL,
        PRIMARY KEY (owner_id, slot)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS slots_by_time ON slots (at_ms);
    CREATE INDEX IF NOT EXISTS slots_by_media ON slots (media_id) WHERE media_id > 0;
    """
    STATEMENTS: ClassVar[Mapping[type[Any], str]] = {
        Put: (
            "INSERT OR IGNORE INTO media"
            " VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, '', '', '', 0, 0, 0, 0, '', '', x'5b5d', '', 0)"
        ),
        Settle: """
            UPDATE media SET state = ?2, kind = ?3, file = ?4, served_type = ?5, served_size = ?6, width = ?7,
                height = ?8, duration_ms = ?9, blurhash = ?10, poster = ?11, thumbnails = ?12, reason = ?13
            WHERE media_id = ?1""",
        Describe: "UPDATE media SET alt_text = ?2 WHERE media_id = ?1",
        Collect: "UPDATE media SET collected_at_ms = ?2 WHERE media_id = ?1",
        Blank: """
            UPDATE media SET alt_text = '', file = '', blurhash = '', poster = '', thumbnails = x'5b5d'
            WHERE media_id = ?""",
        Attach: "INSERT OR IGNORE INTO attached VALUES (?, ?)",
        TweetGone: (
            "INSERT OR IGNORE INTO tweets_gone SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM attached WHERE tweet_id = ?1)"
        ),
        Hide: (
            "INSERT INTO tweets_hidden SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM attached WHERE tweet_id = ?1)"
            " ON CONFLICT DO UPDATE SET hidden = excluded.hidden"
        ),
        SetSlot: (
            "INSERT INTO slots VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET media_id = excluded.media_id, at_ms = excluded.at_ms"
        ),
    }


_MANY = "SELECT media.* FROM json_each(?) AS wanted CROSS JOIN media ON media_id = wanted.value"
_USES = """
SELECT wanted.value, coalesce(attached.tweet_id, 0), coalesce(tweets_gone.at_ms, 0),
    EXISTS (SELECT 1 FROM slots WHERE slots.media_id = wanted.value AND slots.media_id > 0),
    coalesce(tweets_hidden.hidden, 0)
FROM json_each(?) AS wanted LEFT JOIN attached ON attached.media_id = wanted.value
LEFT JOIN tweets_gone ON tweets_gone.tweet_id = attached.tweet_id
LEFT JOIN tweets_hidden ON tweets_hidden.tweet_id = attached.tweet_id
"""
_OF_OWNER = "SELECT media_id FROM media WHERE owner_id = ? AND media_id < ? ORDER BY media_id DESC LIMIT ?"
_DUE = """
SELECT media_id FROM media WHERE at_ms >= ?1 AND at_ms < ?2 AND collected_at_ms = 0
UNION SELECT attached.media_id FROM tweets_gone JOIN attached USING (tweet_id) JOIN media USING (media_id)
    WHERE tweets_gone.at_ms >= ?1 AND tweets_gone.at_ms < ?2 AND collected_at_ms = 0
UNION SELECT media.media_id FROM slots JOIN media USING (owner_id)
    WHERE slots.at_ms >= ?1 AND slots.at_ms < ?2 AND collected_at_ms = 0
"""


class SqliteMediaReader(SqliteProjectionReader):
    """Reads media (MediaReader)."""

    def many(self, media_ids: Collection[int]) -> dict[int, Media]:
        """Return those that were uploaded among the ids, collected ones too."""
        return {row[0]: Media._make(row) for row in rows(self._connection, _MANY, (id_set(media_ids),))}

    def uses(self, media_ids: Collection[int]) -> dict[int, Use]:
        """Return where they are used."""
        found = rows(self._connection, _USES, (id_set(media_ids),))
        return {row[0]: Use(row[1], row[2], bool(row[3]), bool(row[4])) for row in found}

    def of_owner(self, owner_id: int, before: int | None, limit: int) -> list[int]:
        """Return ids of an account's media, newest first."""
        below = MAX_ID if before is None else before
        return [row[0] for row in rows(self._connection, _OF_OWNER, (owner_id, below, limit))]

    def due(self, since_ms: int, until_ms: int) -> list[int]:
        """Return the ids of media of which something was said in that time that may leave them unused."""
        return [row[0] for row in rows(self._connection, _DUE, (since_ms, until_ms))]
