"""Loads the search index at once.

Consumes:   the writes of projections.search.projector
Writes:     as projections.search.sqlite; what is there, or gone, is asked for in one statement, and the rest put in the
            order of ids by plain inserts. FTS5 keeps such rows in memory up to a megabyte: an insert that also reads,
            or an id below the last one, makes it write all that it has first
Guarantee:  see infra.sqlite.bulk
Rebuild:    delete the file
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from infra.sqlite.bulk import SqliteBulkStore
from infra.sqlite.connections import rows
from infra.sqlite.id_sets import id_set
from projections.search.projector import IndexPerson, IndexTweet
from projections.search.sqlite import SqliteSearchStore

if TYPE_CHECKING:
    from collections.abc import Iterable

    from infra.log.port import Span


class _Index(NamedTuple):
    """How rows get into a full-text table: which ids may not, and the insert."""

    known: str
    put: str


_OF = {
    IndexTweet: _Index(
        "SELECT value FROM json_each(?) WHERE value IN (SELECT tweet_id FROM removed) "
        "OR EXISTS (SELECT 1 FROM tweets WHERE rowid = value)",
        "INSERT INTO tweets (rowid, words, tags, facts) VALUES (?, ?, ?, ?)",
    ),
    IndexPerson: _Index(
        "SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM people WHERE rowid = value)",
        "INSERT INTO people (rowid, username, name) VALUES (?, ?, ?)",
    ),
}


class SqliteSearchBulk(SqliteBulkStore):
    """The one writer of the index while it is loaded."""

    STORE = SqliteSearchStore

    def _write(self, writes: Iterable[Any], span: Span) -> None:
        for kind, run in groupby(writes, type):
            if kind in _OF:
                self._put(_OF[kind], run)
            else:
                super()._write(run, span)

    def _put(self, index: _Index, found: Iterable[Any]) -> None:
        first: dict[int, Any] = {}
        for write in found:
            first.setdefault(write[0], write)
        known = {row[0] for row in rows(self._connection, index.known, (id_set(first),))}
        self._connection.executemany(index.put, (first[it] for it in sorted(first) if it not in known))
