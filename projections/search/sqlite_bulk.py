"""Loads the search index at once.

Consumes:   the writes of projections.search.projector
Writes:     as projections.search.sqlite, many tweets to a statement
Guarantee:  see infra.sqlite.bulk
Rebuild:    delete the file
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from infra.sqlite.bulk import SqliteBulkStore
from projections.search.projector import IndexPerson, IndexTweet
from projections.search.sqlite import SqliteSearchStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import apsw

_TWEET = """
INSERT INTO tweets (rowid, words, tags, facts) SELECT ?1, ?2, ?3, ?4
WHERE NOT EXISTS (SELECT 1 FROM removed WHERE tweet_id = ?1) AND NOT EXISTS (SELECT 1 FROM tweets WHERE rowid = ?1)
"""
_PERSON = """
INSERT INTO people (rowid, username, name) SELECT ?1, ?2, ?3 WHERE NOT EXISTS (SELECT 1 FROM people WHERE rowid = ?1)
"""


class SqliteSearchBulk(SqliteBulkStore):
    """The one writer of the index while it is loaded."""

    STORE = SqliteSearchStore
    STATEMENTS: ClassVar[Mapping[type[Any], str | Callable[[apsw.Connection, Any], None]]] = {
        **SqliteSearchStore.STATEMENTS,
        IndexTweet: _TWEET,
        IndexPerson: _PERSON,
    }
