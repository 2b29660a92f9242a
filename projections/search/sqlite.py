"""Keeps the search index in SQLite's FTS5.

Consumes:   the writes of projections.search.projector
Writes:     tweets (full text, rowid = tweet_id, so that newest first is the index's own order), removed (ids gone for
            good), people (full text over names, rowid = user_id)
Guarantee:  see infra.sqlite.projection_store; a tweet indexed twice is found once, one removed is not found again
Rebuild:    delete the file

Words are cut before they come here (projections.search.words), so the tokenizer splits at spaces only: `ascii` takes
every byte above 127 for a letter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from infra.sqlite.connections import rows, scalar
from infra.sqlite.projection_store import SqliteProjectionReader, SqliteProjectionStore
from projections.search.projector import ForgetPerson, IndexPerson, IndexTweet, RemoveTweet, RenamePerson
from projections.search.read_model import By, HasMedia, Mentions, Phrase, Tagged, To
from projections.search.words import EVERY, MEDIA, by, names, to
from schemas.ids import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import apsw

    from projections.search.read_model import Atom, Criteria

_TOKENIZE = "tokenize=\"ascii tokenchars '_'\""


def _index(connection: apsw.Connection, tweet: IndexTweet) -> None:
    gone = "SELECT 1 FROM removed WHERE tweet_id = ?1 UNION ALL SELECT 1 FROM tweets WHERE rowid = ?1"
    if scalar(connection, gone, (tweet.tweet_id,)) is None:
        connection.execute("INSERT INTO tweets (rowid, words, tags, facts) VALUES (?, ?, ?, ?)", tweet)


def _remove(connection: apsw.Connection, removal: RemoveTweet) -> None:
    connection.execute("INSERT OR IGNORE INTO removed VALUES (?)", removal)
    connection.execute("DELETE FROM tweets WHERE rowid = ?", removal)


def _index_person(connection: apsw.Connection, person: IndexPerson) -> None:
    if scalar(connection, "SELECT 1 FROM people WHERE rowid = ?", (person.user_id,)) is None:
        connection.execute("INSERT INTO people (rowid, username, name) VALUES (?, ?, ?)", person)


class SqliteSearchStore(SqliteProjectionStore):
    """The one writer of the index."""

    SCHEMA = f"""
    CREATE VIRTUAL TABLE IF NOT EXISTS tweets USING fts5 (
        words, tags, facts, content='', contentless_delete=1, {_TOKENIZE});
    CREATE TABLE IF NOT EXISTS removed (tweet_id INTEGER PRIMARY KEY);
    CREATE VIRTUAL TABLE IF NOT EXISTS people USING fts5 (username, name, prefix='1 2 3', {_TOKENIZE});
    """
    STATEMENTS: ClassVar[Mapping[type[Any], str | Callable[[apsw.Connection, Any], None]]] = {
        IndexTweet: _index,
        RemoveTweet: _remove,
        IndexPerson: _index_person,
        RenamePerson: "UPDATE people SET name = ?2 WHERE rowid = ?1",
        ForgetPerson: "DELETE FROM people WHERE rowid = ?",
    }


_TWEETS = "SELECT rowid FROM tweets WHERE tweets MATCH ? AND rowid >= ? AND rowid < ? ORDER BY rowid DESC LIMIT ?"
_PEOPLE = "SELECT rowid FROM people WHERE people MATCH ? ORDER BY rowid LIMIT ?"


class SqliteSearchReader(SqliteProjectionReader):
    """Searches (SearchReader)."""

    def tweets(self, criteria: Criteria, max_id: int | None, limit: int) -> list[int]:
        """Return tweets that stand, newest first, below `max_id` (exclusive; None: from the newest)."""
        below = min(MAX_ID if max_id is None else max_id, criteria.until_id)
        found = rows(self._connection, _TWEETS, (expression(criteria), criteria.since_id, below, limit))
        return [row[0] for row in found]

    def people(self, prefixes: Sequence[str], limit: int) -> list[int]:
        """Return accounts of whose user and display names some word begins with each of the prefixes, by id."""
        asked = " AND ".join(f'"{prefix}"*' for prefix in prefixes)
        return [row[0] for row in rows(self._connection, _PEOPLE, (asked, limit))]


def expression(criteria: Criteria) -> str:
    """Return the criteria in FTS5's language; words hold no quotes, so none can end a string early."""
    required = " AND ".join(map(_atom, criteria.required)) or f'facts:"{EVERY}"'
    return " NOT ".join([f"({required})", *map(_atom, criteria.excluded)])


def _atom(atom: Atom) -> str:
    match atom:
        case Phrase(words):
            return f'words:"{" ".join(words)}"'
        case Tagged(tag):
            return f'tags:"{tag}"'
        case By(user_id):
            return f'facts:"{by(user_id)}"'
        case To(user_id):
            return f'facts:"{to(user_id)}"'
        case Mentions(user_id):
            return f'facts:"{names(user_id)}"'
        case HasMedia():
            return f'facts:"{MEDIA}"'
