"""Reads home timelines from SQLite: pushed entries above the reader's horizon, outboxes of celebrities, pull below.

Guarantee:  a page is one snapshot of the file, and the same list whether it was pushed or pulled
"""

from __future__ import annotations

import json
from heapq import merge, nlargest
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import orjson

from infra.sqlite.connections import rows, scalar
from infra.sqlite.projection_store import SqliteProjectionReader
from schemas.ids import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_AUTHORS = "SELECT author_id FROM follows WHERE reader_id = ?1 UNION ALL SELECT ?1"
_CELEBRITIES = f"""
SELECT followed.author_id FROM ({_AUTHORS}) AS followed
CROSS JOIN celebrities ON celebrities.author_id = followed.author_id
"""
# A page that was pushed whole is one statement and one row, its ids as JSON: a third of the cost of an object an entry.
# No row, or fewer ids than asked for above a horizon: the general way finds the page.
_PUSHED = f"""
SELECT horizon, (SELECT json_group_array(tweet_id) FROM (
    SELECT tweet_id FROM entries
    WHERE entries.reader_id = ?1 AND tweet_id < ?2 AND tweet_id >= horizon
        AND (parent_author_id IN (0, ?1) OR author_id = ?1 OR EXISTS (
            SELECT 1 FROM follows WHERE follows.reader_id = ?1 AND follows.author_id = parent_author_id))
    ORDER BY tweet_id DESC LIMIT ?3))
FROM readers WHERE reader_id = ?1 AND NOT (EXISTS (SELECT 1 FROM celebrities) AND EXISTS ({_CELEBRITIES}))
"""
_ENTRIES = """
SELECT tweet_id, author_id, original_id, parent_author_id FROM entries
WHERE reader_id = ?1 AND tweet_id < ?2 AND tweet_id >= ?3 ORDER BY tweet_id DESC LIMIT ?4
"""
_OUTBOX = """
SELECT tweet_id, author_id, original_id, parent_author_id FROM outbox
WHERE author_id = ?1 AND tweet_id < ?2 AND tweet_id >= ?3 ORDER BY tweet_id DESC LIMIT ?4
"""
_HEADS = """
SELECT (SELECT max(tweet_id) FROM outbox WHERE author_id = author.value AND tweet_id < ?2) AS head, author.value
FROM json_each(?1) AS author WHERE head >= ?3
"""


class Entry(NamedTuple):
    """One line of a timeline. What does not apply is 0: `original_id` of a retweet, `parent_author_id` of a reply."""

    tweet_id: int
    author_id: int
    original_id: int
    parent_author_id: int


class SqliteHomeTimelineReader(SqliteProjectionReader):
    """Home timelines by viewer, read-only."""

    def page(self, viewer_id: int, max_id: int | None, limit: int) -> list[int]:
        """Return the newest tweets below `max_id` (exclusive; None: from the newest), newest first, each once.

        Fewer than `limit` mean that the timeline ends there.
        """
        below = MAX_ID if max_id is None else max_id
        for horizon, ids in rows(self._connection, _PUSHED, (viewer_id, below, limit)):
            pushed: list[int] = orjson.loads(ids)
            if len(pushed) == limit or not horizon:
                return pushed
        self._connection.execute("SAVEPOINT page")  # a snapshot of its own, or part of one that is held already
        try:
            entries = self._visible(viewer_id, self._candidates(viewer_id, below, limit))
            return [entry.tweet_id for entry in islice(entries, limit)]
        finally:
            self._connection.execute("RELEASE page")

    def is_pushed(self, viewer_id: int) -> bool:
        """Tell whether entries are pushed to the viewer (for operators and tests: answers do not show it)."""
        return self._horizon(viewer_id) is not None

    def _visible(self, viewer_id: int, entries: Iterator[Entry]) -> Iterator[Entry]:
        """Drop replies to accounts that the viewer does not follow, except to or by the viewer."""
        follows: dict[int, bool] = {0: True, viewer_id: True}
        for entry in entries:
            parent = entry.parent_author_id
            if parent not in follows:
                query = "SELECT 1 FROM follows WHERE reader_id = ? AND author_id = ?"
                follows[parent] = scalar(self._connection, query, (viewer_id, parent)) is not None
            if follows[parent] or entry.author_id == viewer_id:
                yield entry

    def _candidates(self, viewer_id: int, below: int, chunk: int) -> Iterator[Entry]:
        horizon = self._horizon(viewer_id)
        if horizon is not None and below > horizon:
            yield from self._pushed(viewer_id, below, horizon, chunk)
            below = horizon
        if below > 0:
            authors = {row[0] for row in rows(self._connection, _AUTHORS, (viewer_id,))}
            yield from self._pulled(authors, below, 0, chunk)

    def _horizon(self, viewer_id: int) -> int | None:
        horizon: int | None = scalar(self._connection, "SELECT horizon FROM readers WHERE reader_id = ?", (viewer_id,))
        return horizon

    def _pushed(self, viewer_id: int, below: int, horizon: int, chunk: int) -> Iterator[Entry]:
        entries = self._own_entries(viewer_id, below, horizon, chunk)
        if celebrities := self._celebrities(viewer_id):
            # what was pushed before its author became one is in the outbox too, and only there it is retracted
            others = (entry for entry in entries if entry.author_id not in celebrities)
            entries = merge(others, self._pulled(celebrities, below, horizon, chunk), reverse=True)
        yield from entries

    def _own_entries(self, viewer_id: int, below: int, horizon: int, chunk: int) -> Iterator[Entry]:
        while page := rows(self._connection, _ENTRIES, (viewer_id, below, horizon, chunk)):
            yield from map(Entry._make, page)
            if len(page) < chunk:
                return
            below = page[-1][0]

    def _celebrities(self, viewer_id: int) -> set[int]:
        if scalar(self._connection, "SELECT 1 FROM celebrities LIMIT 1") is None:
            return set()
        return {row[0] for row in rows(self._connection, _CELEBRITIES, (viewer_id,))}

    def _pulled(self, authors: Collection[int], below: int, floor: int, chunk: int) -> Iterator[Entry]:
        """Merge outboxes, newest first, at one index seek per author and a short scan of those with something new.

        The chunk-th newest of the authors' newest entries bounds a chunk from below: at least `chunk` entries stand
        at or above it, and only authors whose newest entry does can have one there.
        """
        names = json.dumps(list(authors))
        while heads := rows(self._connection, _HEADS, (names, below, floor)):
            bound = floor if len(heads) <= chunk else nlargest(chunk, heads)[-1][0]
            page = [
                row
                for head, author in heads
                if head >= bound
                for row in rows(self._connection, _OUTBOX, (author, below, bound, chunk))
            ]
            page.sort(reverse=True)
            del page[chunk:]
            yield from map(Entry._make, page)
            below = page[-1][0]
