"""Reads engagement from Scylla or Cassandra."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from infra.clock import SystemClock
from infra.cql.lists import Bucketed, Whole, newest
from infra.cql.many import chunks, read_many
from infra.cql.projection_store import CqlTellingReader
from infra.cql.session import Call
from projections.engagement.cql_layout import BOOKMARK, LIKE, RETWEET, era_of, first_of_era
from projections.engagement.read_model import PROJECTION, Flags, Like, Mark, Marks
from schemas.ids import MAX_ID, first_id_at

if TYPE_CHECKING:
    from collections.abc import Collection

    from infra.cql.session import Row
    from projections.engagement.read_model import CountsRow

_COUNTS = "SELECT tweet_id, likes, retweets, replies, quotes FROM counts{g} WHERE tweet_id IN ?"
# A range of the viewer's rows finds all marks of a page in one question, unless the viewer has left more marks in
# between than a page has ids.
_MARKS_IN_RANGE = 500
_MOST_ERAS = 4
_IN_RANGE = (
    "SELECT tweet_id, kind, stands FROM marks{g}"
    f" WHERE user_id = ? AND era = ? AND tweet_id >= ? AND tweet_id <= ? LIMIT {_MARKS_IN_RANGE}"
)
_AMONG = "SELECT tweet_id, kind, stands FROM marks{g} WHERE user_id = ? AND era = ? AND tweet_id IN ?"
_LIKERS = (
    "SELECT at_ms, user_id, stands FROM likers{g}"
    " WHERE tweet_id = ? AND bucket = ? AND (at_ms, user_id) < (?, ?) LIMIT ?"
)
_LIKERS_CUT = "SELECT source, likes_starts FROM counts{g} WHERE tweet_id = ?"
_RETWEETERS = (
    "SELECT at_ms, user_id, stands FROM retweeters{g}"
    " WHERE tweet_id = ? AND bucket = ? AND (at_ms, user_id) < (?, ?) LIMIT ?"
)
_RETWEETERS_CUT = "SELECT source, retweets_starts FROM counts{g} WHERE tweet_id = ?"
_BOOKMARKS = "SELECT at_ms, tweet_id, stands FROM bookmarks{g} WHERE user_id = ? AND (at_ms, tweet_id) < (?, ?) LIMIT ?"
_LIKES = (
    "SELECT tweet_id, author_id, at_ms, kind, stands FROM marks{g}"
    f" WHERE user_id = ? AND era = ? AND tweet_id > ? LIMIT {_MARKS_IN_RANGE}"
)
_RETWEET_ID = (
    f"SELECT own_id, stands FROM marks{{g}} WHERE user_id = ? AND era = ? AND tweet_id = ? AND kind = {RETWEET}"
)
_INTERACTIONS = "SELECT author_id, n FROM interactions{g} WHERE author_id IN ? AND viewer_id = ?"
_NEWEST = Mark(MAX_ID, MAX_ID)


class CqlEngagementReader(CqlTellingReader):
    """Reads engagement (EngagementReader)."""

    PROJECTION = PROJECTION

    def counts(self, tweet_ids: Collection[int]) -> dict[int, CountsRow]:
        """Return the fields of Counts of each tweet; a tweet nobody engaged with may be absent."""
        sums: dict[int, CountsRow] = {}
        for tweet, likes, retweets, replies, quotes in read_many(self.session, self.cql(_COUNTS), tweet_ids):
            known = sums.get(tweet)
            if known is None:
                sums[tweet] = (likes or 0, retweets or 0, replies or 0, quotes or 0)
            else:
                sums[tweet] = (
                    known[0] + (likes or 0),
                    known[1] + (retweets or 0),
                    known[2] + (replies or 0),
                    known[3] + (quotes or 0),
                )
        return sums

    def flags(self, viewer_id: int, tweet_ids: Collection[int]) -> Flags:
        """Return what the viewer did with the tweets."""
        by_era: dict[int, list[int]] = {}
        for tweet_id in tweet_ids:
            by_era.setdefault(era_of(tweet_id), []).append(tweet_id)
        ranges = [Call(self.cql(_IN_RANGE), (viewer_id, era, min(ids), max(ids))) for era, ids in by_era.items()]
        found = self.session.run_all(ranges)
        crowded = [era for era, rows in zip(by_era, found, strict=True) if len(rows) == _MARKS_IN_RANGE]
        among = [Call(self.cql(_AMONG), (viewer_id, era, chunk)) for era in crowded for chunk in chunks(by_era[era])]
        marked = _by_kind(chain.from_iterable([*found, *self.session.run_all(among)]))
        return Flags(*(frozenset(those.intersection(tweet_ids)) for those in marked.values()))

    def marks(self, viewer_id: int, since_id: int, tweet_ids: Collection[int]) -> Marks | None:
        """Return all that the viewer did with tweets from `since_id` on, and with these; None where it is very much.

        From there to the end of the era of the newest of the tweets.
        """
        besides = frozenset(it for it in tweet_ids if it < since_id)
        eras = range(era_of(since_id), era_of(max(tweet_ids, default=since_id)) + 1)
        if len(eras) > _MOST_ERAS:
            return None
        calls = [Call(self.cql(_IN_RANGE), (viewer_id, era, since_id, MAX_ID)) for era in eras]
        by_era: dict[int, list[int]] = {}
        for tweet_id in besides:
            by_era.setdefault(era_of(tweet_id), []).append(tweet_id)
        among = [Call(self.cql(_AMONG), (viewer_id, era, chunk)) for era in by_era for chunk in chunks(by_era[era])]
        found = self.session.run_all([*calls, *among])
        if any(len(rows) == _MARKS_IN_RANGE for rows in found[: len(calls)]):
            return None
        marked = _by_kind(chain.from_iterable(found))
        return Marks(since_id, first_of_era(eras.stop), besides, Flags(*map(frozenset, marked.values())))

    def flags_of_many(self, viewer_ids: Collection[int], tweet_ids: Collection[int]) -> dict[int, Flags]:
        """Return what each of the viewers did with the tweets; one who did nothing may be absent."""
        by_era: dict[int, list[int]] = {}
        for tweet_id in tweet_ids:
            by_era.setdefault(era_of(tweet_id), []).append(tweet_id)
        found: dict[int, Flags] = {}
        for some in chunks(list(viewer_ids)):
            calls = [Call(self.cql(_AMONG), (viewer, era, ids)) for viewer in some for era, ids in by_era.items()]
            answers = iter(self.session.run_all(calls))
            for viewer in some:
                marked = _by_kind(chain.from_iterable([next(answers) for _ in by_era]))
                found[viewer] = Flags(*(frozenset(those) for those in marked.values()))
        return found

    def likers(self, tweet_id: int, before: Mark | None, limit: int) -> list[Mark]:
        """Return who likes the tweet."""
        return _page(Bucketed(self.session, self.cql(_LIKERS), self.cql(_LIKERS_CUT), tweet_id), before, limit)

    def retweeters(self, tweet_id: int, before: Mark | None, limit: int) -> list[Mark]:
        """Return who retweeted the tweet."""
        return _page(Bucketed(self.session, self.cql(_RETWEETERS), self.cql(_RETWEETERS_CUT), tweet_id), before, limit)

    def bookmarks(self, user_id: int, before: Mark | None, limit: int) -> list[Mark]:
        """Return the tweets that the account keeps."""
        return _page(Whole(self.session, self.cql(_BOOKMARKS), user_id), before, limit)

    def likes(self, user_id: int, after_id: int, limit: int) -> list[Like]:
        """Return the tweets that the account likes, by ascending id above `after_id`: each era is asked, in turn."""
        found: list[Like] = []
        for era in range(era_of(after_id), era_of(first_id_at(SystemClock().now_ms())) + 1):
            at = after_id
            while rows := self.session.run(self.cql(_LIKES), (user_id, era, at)):
                found += [Like(*row[:3]) for row in rows if row[3] == LIKE and row[4]]
                at = rows[-1][0]
                if len(found) >= limit:
                    return found[:limit]
                if len(rows) < _MARKS_IN_RANGE:
                    break
        return found

    def retweet_id(self, user_id: int, original_id: int) -> int | None:
        """Return the id of the account's own retweet of a tweet, or None."""
        found = self.session.run(self.cql(_RETWEET_ID), (user_id, era_of(original_id), original_id))
        return next((own_id for own_id, stands in found if stands), None)

    def interactions(self, viewer_id: int, author_ids: Collection[int]) -> dict[int, int]:
        """Return how often the viewer liked, retweeted, replied to or quoted each author; absent: never."""
        sums: dict[int, int] = {}
        for author, n in read_many(self.session, self.cql(_INTERACTIONS), author_ids, viewer_id):
            sums[author] = sums.get(author, 0) + n
        return {author: n for author, n in sums.items() if n}


def _by_kind(rows: chain[Row]) -> dict[int, set[int]]:
    """Return the tweets by the kind of mark, in the order of Flags."""
    marked: dict[int, set[int]] = {LIKE: set(), RETWEET: set(), BOOKMARK: set()}
    for tweet_id, kind, stands in rows:
        if stands:
            marked[kind].add(tweet_id)
    return marked


def _page(source: Bucketed | Whole, before: Mark | None, limit: int) -> list[Mark]:
    return [Mark(*place) for place in newest(source, before or _NEWEST, limit)]
