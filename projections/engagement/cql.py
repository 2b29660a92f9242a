"""Keeps engagement on Scylla or Cassandra.

Consumes:   the writes of projections.engagement.projector, placed
Writes:     marks (user_id and era, tweet → liked, bookmarked, retweeted since when), posts (tweet_id → what a retweet,
            reply or quote is of, or that it is gone); by time: likers, retweeters (tweet_id, bucket → users),
            bookmarks (user_id → tweets); counts (tweet_id, source → likes, retweets, replies, quotes),
            interactions (viewer_id, author_id, source → how often), news (whose counts and whose marks changed)
Guarantee:  see infra.cql.cells; a like or bookmark that is said again keeps its first time, what is gone stays gone
Rebuild:    see infra.cql.projection_store
"""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from infra.cql.cell_tables import Cells, Listed, changed_cells, pair_chunks, source_of
from infra.cql.cells import NEVER, Cell, Counted, Row, Said, Turn, play, tally
from infra.cql.lists import SEGMENT_ROWS, bucket_of
from infra.cql.many import read_many
from infra.cql.projection_store import CqlProjectionStore, in_batches
from infra.cql.session import Call
from projections.engagement import cql_layout as layout
from projections.engagement.cql_layout import BOOKMARK, COUNTS, LIKE, RETWEET, Mark, MarkKey, Post, era_of
from projections.engagement.cql_reader import CqlEngagementReader
from projections.engagement.projector import (
    AddBookmark,
    AddLike,
    AddResponse,
    AddRetweet,
    Bury,
    RemoveBookmark,
    RemoveLike,
    RemoveResponse,
    RemoveRetweet,
)
from projections.engagement.read_model import PROJECTION

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from infra.cql.cell_tables import Pair
    from infra.cql.projection_store import Steps
    from infra.log.port import Span
    from infra.projections import Placed

__all__ = ["CqlEngagementReader", "CqlEngagementStore"]

Keyed = tuple[tuple[Any, ...], Call]
"""The partition of a table, and a call for it."""


class _Spoken(NamedTuple):
    """What a span says, by the kind of its rows."""

    marks: list[Said]
    posts: list[Said]


class _Turned(NamedTuple):
    """What it changes."""

    marks: list[Turn]
    posts: list[Turn]
    mark_rows: dict[MarkKey, Row]
    post_rows: dict[int, Row]
    touched: set[int]  # tweets whose counts, and users whose marks, it is about

    def counted(self) -> Iterator[tuple[Turn, int, str, Pair]]:
        """Yield each turn with the tweet and the count that it counts for, and who did it to whom."""
        for turn in self.marks:
            if turn.key.kind == LIKE:
                yield turn, turn.key.tweet_id, "likes", (turn.key.user_id, turn.value.author_id)
        for turn in self.posts:
            for tweet_id, count, author_id in turn.value.counted():
                yield turn, tweet_id, count, (turn.value.user_id, author_id)


class CqlEngagementStore(CqlProjectionStore):
    """A writer of engagement: of its log partitions."""

    PROJECTION = PROJECTION
    TABLES: ClassVar[Mapping[str, str]] = layout.TABLES

    def steps(self, writes: Sequence[Placed], span: Span) -> Steps:
        """Go the steps of infra.cql.cells."""
        spoken, source = _spoken(writes, span), source_of(span)
        turned = self._turned(spoken)
        counted = list(turned.counted())
        cells = COUNTS.read(self.session, self.generation, {it[1] for it in counted}, source)
        changed = _changed(counted, cells)
        interactions = self._interactions(counted, source)
        yield [
            *COUNTS.writes(changed, self.generation, source),
            *in_batches(self._put_interactions(interactions, source)),
        ]
        lists = {**cells.lists, **changed.lists}
        copies = chain(
            self._copies_of_marks(turned.marks, lists, span), self._copies_of_posts(turned.posts, lists, span)
        )
        yield in_batches(copies)
        yield in_batches(chain(self._put_marks(turned.mark_rows), self._put_posts(turned.post_rows)))
        return turned.touched

    def _turned(self, spoken: _Spoken) -> _Turned:
        marks = play(spoken.marks, self._mark_rows({said.key for said in spoken.marks}))
        known = self._post_rows({said.key for said in spoken.posts})
        posts = play(spoken.posts, known, for_good=True)
        return _Turned(marks.turns, posts.turns, marks.rows, posts.rows, _touched(spoken, known))

    def _mark_rows(self, keys: Iterable[MarkKey]) -> dict[MarkKey, Row]:
        by_era: dict[int, set[Pair]] = defaultdict(set)
        for user, tweet, _ in keys:
            by_era[era_of(tweet)].add((user, tweet))
        calls = [
            Call(self.cql(layout.MARKS), (users, era, tweets))
            for era, pairs in by_era.items()
            for users, tweets in pair_chunks(pairs)
        ]
        return {
            MarkKey(user, tweet, kind): Row(stands, Mark(at_ms, author), upto)
            for user, tweet, kind, stands, at_ms, author, upto in chain.from_iterable(self.session.run_all(calls))
            if kind != RETWEET
        }

    def _post_rows(self, ids: Collection[int]) -> dict[int, Row]:
        rows = {}
        for tweet_id, gone, put_at, gone_at, *fields in read_many(self.session, self.cql(layout.POSTS), ids):
            post = None if put_at is None else Post(*fields)
            rows[tweet_id] = Row(post is not None and not gone, post, max(put_at or 0, gone_at or 0), bool(gone))
        return rows

    def _interactions(self, counted: Iterable[tuple[Turn, int, str, Pair]], source: str) -> dict[Pair, Cell]:
        others = [Counted(turn.offset, pair, turn.by) for turn, _, _, pair in counted if pair[0] != pair[1]]
        calls = [
            Call(self.cql(layout.INTERACTIONS), (*chunk, source)) for chunk in pair_chunks(it.key for it in others)
        ]
        found = chain.from_iterable(self.session.run_all(calls))
        return tally(others, {(viewer, author): Cell(n, upto) for viewer, author, n, upto in found})

    def _put_interactions(self, cells: Mapping[Pair, Cell], source: str) -> Iterator[Keyed]:
        for (viewer, author), cell in cells.items():
            values = (viewer, author, source, cell.n, cell.upto)
            yield ("interactions", viewer), Call(self.cql(layout.PUT_INTERACTIONS), values)

    def _copies_of_marks(self, turns: Iterable[Turn], lists: Mapping[Any, Any], span: Span) -> Iterator[Keyed]:
        for turn in turns:
            (user, tweet, kind), at_ms, stands = turn.key, turn.value.at_ms, turn.by > 0
            if kind == BOOKMARK:
                values = (user, at_ms, tweet, stands, turn.offset + 1)
                yield ("bookmarks", user), Call(self.cql(layout.PUT_BOOKMARK), values)
            else:
                bucket = bucket_of(lists.get((tweet, "likes")), turn.since, span.partition)
                liker = (tweet, bucket, at_ms, user, stands, turn.offset + 1)
                yield ("likers", tweet, bucket), Call(self.cql(layout.PUT_LIKER), liker)

    def _copies_of_posts(self, turns: Iterable[Turn], lists: Mapping[Any, Any], span: Span) -> Iterator[Keyed]:
        for turn in turns:
            post, own, stands = turn.value, turn.key, turn.by > 0
            if not (original := post.original_id):
                continue
            bucket = bucket_of(lists.get((original, "retweets")), turn.since, span.partition)
            retweeter = (original, bucket, post.at_ms, post.user_id, own, stands, turn.offset + 1)
            yield ("retweeters", original, bucket), Call(self.cql(layout.PUT_RETWEETER), retweeter)
            row = Row(stands, Mark(post.at_ms, post.original_author_id), turn.offset + 1)
            yield self._put_mark(MarkKey(post.user_id, original, RETWEET), own, row)

    def _put_marks(self, rows: Mapping[MarkKey, Row]) -> Iterator[Keyed]:
        for key, row in rows.items():
            yield self._put_mark(key, 0, row)

    def _put_mark(self, key: MarkKey, own: int, row: Row) -> Keyed:
        era = era_of(key.tweet_id)
        values = (key.user_id, era, key.tweet_id, key.kind, own, row.stands, *row.value, row.upto)
        return ("marks", key.user_id, era), Call(self.cql(layout.PUT_MARK), values)

    def _put_posts(self, rows: Mapping[int, Row]) -> Iterator[Keyed]:
        for tweet_id, row in rows.items():
            if row.gone:
                call = Call(self.cql(layout.PUT_GONE), (tweet_id, True, row.upto))
            else:
                call = Call(self.cql(layout.PUT_POST), (tweet_id, *row.value, row.upto))
            yield ("posts", tweet_id), call


def _touched(spoken: _Spoken, known: Mapping[int, Row]) -> set[int]:
    """Return what the span is about, whether it was applied before or not: it may not have been told of."""
    touched = {it for said in spoken.marks for it in (said.key.user_id, said.key.tweet_id)}
    posts = {said.key: said.value for said in spoken.posts if said.value is not None}
    for post in (posts.get(said.key) or known.get(said.key, NEVER).value for said in spoken.posts):
        if post is None:
            continue
        touched.update(tweet_id for tweet_id, _, _ in post.counted())
        if post.original_id:
            touched.add(post.user_id)
    return touched


def _changed(counted: Sequence[tuple[Turn, int, str, Pair]], cells: Cells) -> Cells:
    return changed_cells(
        [Counted(turn.offset, (tweet, count), turn.by) for turn, tweet, count, _ in counted],
        [Listed(turn, (tweet, count)) for turn, tweet, count, _ in counted if count in {"likes", "retweets"}],
        cells,
        SEGMENT_ROWS,
    )


def _spoken(writes: Iterable[Placed], span: Span) -> _Spoken:
    spoken = _Spoken([], [])
    for at, write in writes:
        if said := _MARKS.get(type(write)):
            spoken.marks.append(Said(span.start + at, *said(write)))
        else:
            spoken.posts.append(Said(span.start + at, *_POSTS[type(write)](write)))
    return spoken


_MARKS: Mapping[type[Any], Callable[[Any], tuple[MarkKey, Mark | None]]] = {
    AddLike: lambda it: (MarkKey(it.user_id, it.tweet_id, LIKE), Mark(it.at_ms, it.author_id)),
    RemoveLike: lambda it: (MarkKey(it.user_id, it.tweet_id, LIKE), None),
    AddBookmark: lambda it: (MarkKey(it.user_id, it.tweet_id, BOOKMARK), Mark(it.at_ms, 0)),
    RemoveBookmark: lambda it: (MarkKey(it.user_id, it.tweet_id, BOOKMARK), None),
}
_POSTS: Mapping[type[Any], Callable[[Any], tuple[int, Post | None]]] = {
    AddRetweet: lambda it: (it.tweet_id, Post(it.user_id, it.at_ms, it.original_id, it.original_author_id)),
    AddResponse: lambda it: (it.tweet_id, Post(it.author_id, 0, 0, 0, *it[2:])),
    RemoveRetweet: lambda it: (it.tweet_id, None),
    RemoveResponse: lambda it: (it.tweet_id, None),
    Bury: lambda it: (it.tweet_id, None),
}
"""What a write says of which row."""
