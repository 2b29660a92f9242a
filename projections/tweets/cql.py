"""Keeps tweets on Scylla or Cassandra.

Consumes:   the writes of projections.tweets.projector, placed
Writes:     see projections.tweets.cql_layout: tweets (tweet_id → row), lists of ids, author_counts and buried_tweets
            (author_id → how many stand), news (what was removed)
Guarantee:  see infra.cql.projection_store; what was removed stays removed, and its retweets with it, whatever is
            delivered again and in whichever order
Rebuild:    see infra.cql.projection_store

A tweet, its removal and its author's count are of one log partition, so the count is one cell; see infra.cql.cells.
A row of `tweets` carries the timestamps of both, so that each is judged by what was said before it, and does all its
work again when it comes again. Of what was removed the row stays, without its words: these are overwritten by none,
not deleted, because what is deleted is forgotten one day, and the tweet may be said again.

A retweet and the removal of its original may be of two, worked on at the same time by two processes,
and neither may undo what the other counts. So a retweet that goes with its original is not taken out of the cell but
*buried*, which is a flag that anybody may set and nobody takes back, and a row of `buried_tweets`; who counts subtracts
those. Whoever posts a retweet first writes it to `retweets_of`, then looks whether the original is removed; whoever
removes a tweet first writes that, then looks what is in `retweets_of`: so at least one of them sees the other, and both
may bury. In the same way a retweet that is buried and then undone is subtracted no longer: the undoing writes
`removed`, then looks for `buried`; the burying writes `buried`, then looks for `removed`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from infra.cql.cells import Cell, Counted, tally
from infra.cql.many import read_many
from infra.cql.projection_store import CqlProjectionStore, in_batches, timestamp
from infra.cql.session import Call
from projections.tweets.cql_layout import BUCKETS, TABLES, Place, bucket, era, lists, place_of
from projections.tweets.projector import ModerateTweet, RemoveTweet
from projections.tweets.read_model import PROJECTION, Tweet

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

    from infra.cql.projection_store import Steps
    from infra.cql.session import CqlSession
    from infra.log.port import Span
    from infra.projections import Placed

RETWEETS_AT_A_TIME = 1000  # of each bucket
REMOVALS_AT_A_TIME = 50
REMEMBERED_ERAS = 100_000  # some 10 MB

_COLUMNS = ", ".join(Tweet._fields)
_PUT = f"INSERT INTO tweets{{g}} ({_COLUMNS}) VALUES ({', '.join('?' * len(Tweet._fields))}) USING TIMESTAMP ?"
_PUT_BY_AUTHOR = "INSERT INTO tweets_by_author{g} (author_id, era, tweet_id) VALUES (?, ?, ?) USING TIMESTAMP ?"
_PUT_ERA = "INSERT INTO tweet_eras{g} (author_id, era) VALUES (?, ?) USING TIMESTAMP ?"
_PUT_IN_LIST = "INSERT INTO tweet_lists{g} (list, owner_id, bucket, tweet_id) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
_PUT_RETWEET = (
    "INSERT INTO retweets_of{g} (original_id, bucket, tweet_id, author_id) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
)
_PUT_COUNT = "INSERT INTO author_counts{g} (author_id, n) VALUES (?, ?) USING TIMESTAMP ?"
_PUT_BURIED = "INSERT INTO buried_tweets{g} (author_id, tweet_id) VALUES (?, ?) USING TIMESTAMP ?"

_REMOVE = "UPDATE tweets{g} USING TIMESTAMP ? SET removed = true, body = 0x WHERE tweet_id = ?"
_REMOVE_BY_AUTHOR = (
    "UPDATE tweets_by_author{g} USING TIMESTAMP ? SET removed = true WHERE author_id = ? AND era = ? AND tweet_id = ?"
)
_REMOVE_IN_LIST = (
    "UPDATE tweet_lists{g} USING TIMESTAMP ? SET removed = true "
    "WHERE list = ? AND owner_id = ? AND bucket = ? AND tweet_id = ?"
)
_REMOVE_BURIED = "UPDATE buried_tweets{g} USING TIMESTAMP ? SET removed = true WHERE author_id = ? AND tweet_id = ?"
_MODERATE = "UPDATE tweets{g} USING TIMESTAMP ? SET hidden = ?, label = ?, limited = ? WHERE tweet_id = ?"
_BURY = "UPDATE tweets{g} USING TIMESTAMP ? SET buried = true WHERE tweet_id = ?"
_BURY_BY_AUTHOR = _REMOVE_BY_AUTHOR.replace("removed", "buried")

_STATES = (
    f"SELECT tweet_id, WRITETIME(author_id), WRITETIME(removed), {', '.join(Place._fields)} "
    "FROM tweets{g} WHERE tweet_id IN ?"
)
_COUNTS = "SELECT author_id, n, WRITETIME(n) FROM author_counts{g} WHERE author_id IN ?"
_FLAGS = "SELECT tweet_id, removed, buried FROM tweets{g} WHERE tweet_id IN ?"
_RETWEETS = (
    "SELECT tweet_id, author_id FROM retweets_of{g} WHERE original_id = ? AND bucket = ? AND tweet_id > ? "
    f"ORDER BY tweet_id ASC LIMIT {RETWEETS_AT_A_TIME}"
)


_Retweet = tuple[int, int, int]
"""Its id, its author, and the timestamp of the record that buries it."""


class _State(NamedTuple):
    """What is known of a tweet: the timestamps of what posted and what removed it (None: nothing), and its place."""

    posted_at: int | None = None
    removed_at: int | None = None
    place: Place | None = None


class _Said(NamedTuple):
    """What a span says that was not said before it, each with its timestamp."""

    posted: list[tuple[Tweet, int]]
    removed: list[tuple[int, Place | None, int]]

    def turns(self) -> list[Counted]:
        """Return when the counts of authors go up and down."""
        turns = [Counted(at - 1, tweet.author_id, 1) for tweet, at in self.posted]
        turns += [Counted(at - 1, place.author_id, -1) for _, place, at in self.removed if place is not None]
        return sorted(turns)


class CqlTweetsStore(CqlProjectionStore):
    """A writer of tweets: those of its log partitions."""

    PROJECTION = PROJECTION
    SCHEMA_VERSION = 2
    TABLES: ClassVar[Mapping[str, str]] = TABLES

    def __init__(self, session: CqlSession, log_id: str, generation: int = 1) -> None:
        super().__init__(session, log_id, generation)
        self._eras: set[tuple[int, int]] = set()  # written already: else a row for each tweet

    def steps(self, writes: Sequence[Placed], span: Span) -> Steps:
        """Count, then write the rows, then bury; return what was removed, and what was moderated."""
        moderated = [it for it in writes if isinstance(it.write, ModerateTweet)]
        said = self._new_of([it for it in writes if not isinstance(it.write, ModerateTweet)], span)
        yield self._counts(said.turns())
        eras = {(tweet.author_id, era(tweet.tweet_id)): at for tweet, at in said.posted}
        yield [*in_batches(self._rows(said)), *self._new_eras(eras)]
        yield [self._moderate(it.write, timestamp(span, it)) for it in moderated]
        self._remember_eras(eras)
        yield from self._bury(self._late_retweets(said))
        for retweets in self._early_retweets(said):
            yield from self._bury(retweets)
        yield self._dig_up(said)
        return [*(tweet_id for tweet_id, _, _ in said.removed), *(it.write.tweet_id for it in moderated)]

    def _moderate(self, write: ModerateTweet, at: int) -> Call:
        return Call(self.cql(_MODERATE), (at, write.hidden, write.label, write.limited, write.tweet_id))

    def _new_of(self, writes: Sequence[Placed], span: Span) -> _Said:
        """Return what the writes say that no record before them has said, whatever later ones have."""
        found = read_many(self.session, self.cql(_STATES), (placed.write.tweet_id for placed in writes))
        states = {row[0]: _State(row[1], row[2], Place(*row[3:]) if row[1] else None) for row in found}
        said = _Said([], [])
        for placed in writes:
            write, at = placed.write, timestamp(span, placed)
            state = states.get(write.tweet_id, _State())
            if state.removed_at is not None and state.removed_at < at:
                continue
            was_posted = state.posted_at is not None and state.posted_at < at
            if isinstance(write, RemoveTweet):
                said.removed.append((write.tweet_id, state.place if was_posted else None, at))
                states[write.tweet_id] = state._replace(removed_at=at)
            elif not was_posted:
                said.posted.append((write, at))
                states[write.tweet_id] = state._replace(posted_at=at, place=place_of(write))
        return said

    def _counts(self, turns: Sequence[Counted]) -> list[Call]:
        found = read_many(self.session, self.cql(_COUNTS), (turn.key for turn in turns))
        cells = tally(turns, {author_id: Cell(n, upto) for author_id, n, upto in found})
        return [Call(self.cql(_PUT_COUNT), (author_id, cell.n, cell.upto)) for author_id, cell in cells.items()]

    def _rows(self, said: _Said) -> Iterator[tuple[Hashable, Call]]:
        """Yield the rows with the partition of the table in which they are."""
        for tweet, at in said.posted:
            tweet_id, place = tweet.tweet_id, place_of(tweet)
            by_author = (tweet.author_id, era(tweet_id))
            yield tweet_id, Call(self.cql(_PUT), (*tweet, at))
            yield by_author, Call(self.cql(_PUT_BY_AUTHOR), (*by_author, tweet_id, at))
            for listed in lists(tweet_id, place):
                yield listed, Call(self.cql(_PUT_IN_LIST), (*listed, tweet_id, at))
            if tweet.original_id > 0:
                of = (tweet.original_id, bucket(tweet_id))
                yield ("retweets", *of), Call(self.cql(_PUT_RETWEET), (*of, tweet_id, tweet.author_id, at))
        for tweet_id, removed_from, at in said.removed:
            yield tweet_id, Call(self.cql(_REMOVE), (at, tweet_id))
            if removed_from is not None:
                by_author = (removed_from.author_id, era(tweet_id))
                yield by_author, Call(self.cql(_REMOVE_BY_AUTHOR), (at, *by_author, tweet_id))
                for listed in lists(tweet_id, removed_from):
                    yield listed, Call(self.cql(_REMOVE_IN_LIST), (at, *listed, tweet_id))

    def _new_eras(self, eras: Mapping[tuple[int, int], int]) -> list[Call]:
        return [Call(self.cql(_PUT_ERA), (*key, at)) for key, at in eras.items() if key not in self._eras]

    def _remember_eras(self, eras: Mapping[tuple[int, int], int]) -> None:
        if len(self._eras) > REMEMBERED_ERAS:
            self._eras.clear()
        self._eras.update(eras)

    def _late_retweets(self, said: _Said) -> list[_Retweet]:
        """Return the retweets that came when their original was removed already."""
        retweets = [
            (tweet.original_id, (tweet.tweet_id, tweet.author_id, at))
            for tweet, at in said.posted
            if tweet.original_id > 0
        ]
        gone = self._flagged((original_id for original_id, _ in retweets), removed=True)
        return [retweet for original_id, retweet in retweets if original_id in gone]

    def _early_retweets(self, said: _Said) -> Iterator[list[_Retweet]]:
        """Yield, in portions, the retweets of what was removed."""
        for start in range(0, len(said.removed), REMOVALS_AT_A_TIME):
            times = {tweet_id: at for tweet_id, _, at in said.removed[start : start + REMOVALS_AT_A_TIME]}
            read_to = {(original_id, of): 0 for original_id in times for of in range(BUCKETS)}
            while read_to:
                calls = [Call(self.cql(_RETWEETS), (*key, after)) for key, after in read_to.items()]
                portions = list(zip(read_to, self.session.run_all(calls), strict=True))
                yield [(*retweet, times[original_id]) for (original_id, _), portion in portions for retweet in portion]
                read_to = {key: portion[-1][0] for key, portion in portions if len(portion) == RETWEETS_AT_A_TIME}

    def _bury(self, retweets: Sequence[_Retweet]) -> Iterator[list[Call]]:
        """Let retweets go with their original: flags first, then what is subtracted from counts."""
        flags = []
        for tweet_id, author_id, at in retweets:
            flags.append(Call(self.cql(_BURY), (at, tweet_id)))
            flags.append(Call(self.cql(_BURY_BY_AUTHOR), (at, author_id, era(tweet_id), tweet_id)))
        yield flags
        gone = self._flagged((tweet_id for tweet_id, _, _ in retweets), removed=True)
        yield [
            Call(self.cql(_PUT_BURIED), (author_id, tweet_id, at))
            for tweet_id, author_id, at in retweets
            if tweet_id not in gone
        ]

    def _dig_up(self, said: _Said) -> list[Call]:
        """Return what says that retweets which were undone are not counted in any case."""
        undone = {
            tweet_id: (place.author_id, at) for tweet_id, place, at in said.removed if place and place.original_id > 0
        }
        buried = self._flagged(undone, removed=False)
        return [
            Call(self.cql(_REMOVE_BURIED), (undone[tweet_id][1], undone[tweet_id][0], tweet_id)) for tweet_id in buried
        ]

    def _flagged(self, tweet_ids: Iterable[int], *, removed: bool) -> set[int]:
        """Return those of the tweets that are removed, or else those that are buried."""
        return {row[0] for row in read_many(self.session, self.cql(_FLAGS), tweet_ids) if row[1 if removed else 2]}
