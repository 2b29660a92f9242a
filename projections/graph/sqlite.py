"""Keeps the graph in SQLite.

Consumes:   the writes of projections.graph.projector
Writes:     follows (user_id, target_id → since when), blocks and mutes (user_id, target_id),
            follow_counts (user_id → followers, following)
Guarantee:  see infra.sqlite.projection_store; a follow that is said again keeps its first time
Rebuild:    delete the file
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from infra.sqlite.connections import rows
from infra.sqlite.id_sets import id_set
from infra.sqlite.projection_store import SqliteProjectionReader, SqliteProjectionStore
from projections.graph.projector import Block, Follow, Mute, Unblock, Unfollow, Unmute
from projections.graph.read_model import Aversions, Edge, FollowCounts, Hidden, Relation
from schemas.ids import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class SqliteGraphStore(SqliteProjectionStore):
    """The one writer of the graph."""

    HOLDS_TEXT = False
    SCHEMA = """
    CREATE TABLE IF NOT EXISTS follows (
        user_id INTEGER, target_id INTEGER, at_ms INTEGER NOT NULL,
        PRIMARY KEY (user_id, target_id)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS following_by_time ON follows (user_id, at_ms, target_id);
    CREATE INDEX IF NOT EXISTS followers_by_time ON follows (target_id, at_ms, user_id);
    CREATE TABLE IF NOT EXISTS blocks (
        user_id INTEGER, target_id INTEGER, PRIMARY KEY (user_id, target_id)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS blocks_by_target ON blocks (target_id);
    CREATE TABLE IF NOT EXISTS mutes (
        user_id INTEGER, target_id INTEGER, PRIMARY KEY (user_id, target_id)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS follow_counts (
        user_id INTEGER PRIMARY KEY, followers INTEGER NOT NULL DEFAULT 0, following INTEGER NOT NULL DEFAULT 0);
    CREATE TRIGGER IF NOT EXISTS followed AFTER INSERT ON follows BEGIN
        INSERT INTO follow_counts (user_id, following) VALUES (new.user_id, 1)
            ON CONFLICT DO UPDATE SET following = following + 1;
        INSERT INTO follow_counts (user_id, followers) VALUES (new.target_id, 1)
            ON CONFLICT DO UPDATE SET followers = followers + 1;
    END;
    CREATE TRIGGER IF NOT EXISTS unfollowed AFTER DELETE ON follows BEGIN
        UPDATE follow_counts SET following = following - 1 WHERE user_id = old.user_id;
        UPDATE follow_counts SET followers = followers - 1 WHERE user_id = old.target_id;
        DELETE FROM follow_counts
            WHERE user_id IN (old.user_id, old.target_id) AND followers = 0 AND following = 0;
    END;
    """
    STATEMENTS: ClassVar[Mapping[type[Any], str]] = {
        Follow: "INSERT OR IGNORE INTO follows VALUES (?, ?, ?)",
        Unfollow: "DELETE FROM follows WHERE user_id = ? AND target_id = ?",
        Block: "INSERT OR IGNORE INTO blocks VALUES (?, ?)",
        Unblock: "DELETE FROM blocks WHERE user_id = ? AND target_id = ?",
        Mute: "INSERT OR IGNORE INTO mutes VALUES (?, ?)",
        Unmute: "DELETE FROM mutes WHERE user_id = ? AND target_id = ?",
    }


_FOLLOWERS = """
SELECT at_ms, user_id FROM follows WHERE target_id = ? AND (at_ms, user_id) < (?, ?)
ORDER BY at_ms DESC, user_id DESC LIMIT ?
"""
_FOLLOWING = """
SELECT at_ms, target_id FROM follows WHERE user_id = ? AND (at_ms, target_id) < (?, ?)
ORDER BY at_ms DESC, target_id DESC LIMIT ?
"""
_COUNTS = """
SELECT user_id, followers, following FROM json_each(?) AS wanted CROSS JOIN follow_counts ON user_id = wanted.value
"""
_FOLLOWED = "SELECT target_id FROM json_each(?) CROSS JOIN follows ON user_id = ? AND target_id = value"
_RELATION = """
SELECT EXISTS (SELECT 1 FROM follows WHERE user_id = ?1 AND target_id = ?2),
       EXISTS (SELECT 1 FROM follows WHERE user_id = ?2 AND target_id = ?1),
       EXISTS (SELECT 1 FROM blocks WHERE user_id = ?1 AND target_id = ?2),
       EXISTS (SELECT 1 FROM blocks WHERE user_id = ?2 AND target_id = ?1),
       EXISTS (SELECT 1 FROM mutes WHERE user_id = ?1 AND target_id = ?2)
"""
_HIDDEN = """
SELECT 1, target_id FROM blocks WHERE user_id = ?1 UNION ALL SELECT 1, user_id FROM blocks WHERE target_id = ?1
UNION ALL SELECT 0, target_id FROM mutes WHERE user_id = ?1
"""
_AVERSIONS = """
SELECT 0, target_id FROM blocks WHERE user_id = ?1 UNION ALL SELECT 1, user_id FROM blocks WHERE target_id = ?1
UNION ALL SELECT 2, target_id FROM mutes WHERE user_id = ?1
"""
_NEWEST = Edge(MAX_ID, MAX_ID)


class SqliteGraphReader(SqliteProjectionReader):
    """Reads the graph (GraphReader)."""

    def followers(self, user_id: int, before: Edge | None, limit: int) -> list[Edge]:
        """Return who follows the account."""
        return self._page(_FOLLOWERS, user_id, before, limit)

    def following(self, user_id: int, before: Edge | None, limit: int) -> list[Edge]:
        """Return whom the account follows."""
        return self._page(_FOLLOWING, user_id, before, limit)

    def counts(self, user_ids: Collection[int]) -> dict[int, FollowCounts]:
        """Return the counts of each account; an account without any may be absent."""
        return {row[0]: FollowCounts(row[1], row[2]) for row in rows(self._connection, _COUNTS, (id_set(user_ids),))}

    def relation(self, viewer_id: int, target_id: int) -> Relation:
        """Return how the two stand to each other."""
        return Relation._make(map(bool, rows(self._connection, _RELATION, (viewer_id, target_id))[0]))

    def followed(self, viewer_id: int, target_ids: Collection[int]) -> set[int]:
        """Return those of the accounts whom the viewer follows."""
        return {row[0] for row in rows(self._connection, _FOLLOWED, (id_set(target_ids), viewer_id))}

    def hidden(self, viewer_id: int) -> Hidden:
        """Return whose tweets the viewer does not see."""
        found = rows(self._connection, _HIDDEN, (viewer_id,))
        return Hidden(frozenset(row[1] for row in found if row[0]), frozenset(row[1] for row in found if not row[0]))

    def aversions(self, viewer_id: int) -> Aversions:
        """Return the same with its reasons."""
        found = rows(self._connection, _AVERSIONS, (viewer_id,))
        return Aversions._make(frozenset(other for kind, other in found if kind == it) for it in range(3))

    def _page(self, query: str, of: int, before: Edge | None, limit: int) -> list[Edge]:
        return [Edge._make(row) for row in rows(self._connection, query, (of, *(before or _NEWEST), limit))]
