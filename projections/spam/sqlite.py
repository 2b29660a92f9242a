"""Keeps spam scores in SQLite.

Consumes:   the writes of projections.spam.projector
Writes:     authors (user → what is kept of it; `reached` of that once more, to be read for many; flagged_ms: when the
            lowest tenth of these was reached last)
Guarantee:  see infra.sqlite.projection_store
Rebuild:    delete the file
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from infra.sqlite.connections import rows
from infra.sqlite.id_sets import id_set
from infra.sqlite.projection_store import SqliteProjectionReader, SqliteProjectionStore
from projections.spam.keeping import NEW, folded, last_at, pack, unpack, unpack_reached
from projections.spam.read_model import FLOOR, MOST_FLAGGED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from infra.log.port import Span
    from projections.spam.projector import Post
    from projections.spam.read_model import Flagged
    from projections.spam.scoring import Seen

_MANY = "SELECT user_id, kept FROM json_each(?) AS wanted CROSS JOIN authors ON user_id = wanted.value"
_PUT = "INSERT OR REPLACE INTO authors VALUES (?, ?, ?, ?)"
_FORGET = "DELETE FROM authors WHERE user_id = ?"


class SqliteSpamStore(SqliteProjectionStore):
    """The one writer of spam scores."""

    SCHEMA = """
    CREATE TABLE IF NOT EXISTS authors (
        user_id INTEGER PRIMARY KEY, flagged_ms INTEGER NOT NULL, reached BLOB NOT NULL,
        kept BLOB NOT NULL);
    CREATE INDEX IF NOT EXISTS authors_flagged ON authors (flagged_ms) WHERE flagged_ms > 0;
    """
    STATEMENTS: ClassVar[Mapping[type[Any], str]] = {}

    def _write(self, writes: Iterable[Post], span: Span) -> None:  # noqa: ARG002 - one author, one row, wherever it is
        """Read each author once, fold in what the batch has of it, and write it once."""
        posts: dict[int, list[Seen]] = {}
        forgotten = set[int]()
        for write in writes:
            if write.seen is None:
                forgotten.add(write.user_id)
                posts.pop(write.user_id, None)
            else:
                posts.setdefault(write.user_id, []).append(write.seen)
        known = dict(rows(self._connection, _MANY, (id_set(posts.keys() - forgotten),)))
        self._connection.executemany(_FORGET, ((it,) for it in forgotten))
        self._connection.executemany(_PUT, (_row(it, known.get(it), posts[it]) for it in sorted(posts)))


def _row(user_id: int, kept: bytes | None, tweets: list[Seen]) -> tuple[int, int, bytes, bytes]:
    author = folded(user_id, NEW if kept is None else unpack(kept), tweets)
    return user_id, author.at(FLOOR), pack(author.reached), pack(author)


_FLAGGED = """
SELECT user_id, reached FROM authors WHERE flagged_ms > 0 AND flagged_ms >= ? ORDER BY flagged_ms DESC LIMIT ?
"""


class SqliteSpamReader(SqliteProjectionReader):
    """Reads spam scores (SpamReader)."""

    def flagged(self, tenths: int, since_ms: int) -> dict[int, int]:
        """Return the accounts that reached so many tenths since a time, and when last; MOST_FLAGGED at most."""
        found = rows(self._connection, _FLAGGED, (since_ms, MOST_FLAGGED))
        when = {user_id: last_at(unpack_reached(reached), tenths) for user_id, reached in found}
        return {user_id: at_ms for user_id, at_ms in when.items() if at_ms and at_ms >= since_ms}

    def seen(self, user_ids: Collection[int]) -> dict[int, int]:
        """Return how many tweets of each account were looked at; absent: none."""
        found = rows(self._connection, _MANY, (id_set(user_ids),))
        return {user_id: unpack(kept).tweets for user_id, kept in found}

    def many(self, user_ids: Collection[int], tenths: int) -> dict[int, Flagged]:
        """Return those of the accounts that ever reached so many tenths."""
        found = rows(self._connection, _MANY, (id_set(user_ids),))
        flagged = {user_id: unpack(kept).flagged(user_id, tenths) for user_id, kept in found}
        return {user_id: it for user_id, it in flagged.items() if it is not None}
