"""Counters of the tweets that streams show: told when they have changed, at most once a tick however often they did.

The hub sees that something was done to a tweet, and where the log says so; the counts themselves are read from the
engagement projection, once it has passed that place: what is told is what a query answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from projections.engagement.read_model import Counts
from query_api.live.messages import Message
from schemas.ids import to_uuid

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from infra.log.port import TopicPartition
    from projections.engagement.read_model import CountsRow
    from query_api.live.index import Stream
    from query_api.stores import Readers
    from query_api.tweets.rules import Shown

COUNTERS = b"counters"
MOST_WATCHED = 200
"""Tweets of one stream: a page's worth."""
MOST_READ = 500
"""Tweets of one tick."""
_NONE = Counts()


class Counters:
    """Tweet → the streams that show it, and the tweets that something was done to."""

    def __init__(self) -> None:
        self.watched: dict[int, tuple[Stream, ...]] = {}
        self._touched: dict[int, dict[TopicPartition, int]] = {}
        self._told: dict[int, CountsRow] = {}

    def watch(self, stream: Stream, tweet_ids: Collection[int]) -> None:
        """Tell a stream of these tweets, too."""
        for tweet_id in set(tweet_ids) - stream.counters:
            self.watched[tweet_id] = (*self.watched.get(tweet_id, ()), stream)
        stream.counters = stream.counters.union(tweet_ids)

    def unwatch(self, stream: Stream, tweet_ids: Collection[int]) -> None:
        """Tell a stream of these tweets no more."""
        for tweet_id in stream.counters.intersection(tweet_ids):
            left = tuple(it for it in self.watched[tweet_id] if it is not stream)
            if left:
                self.watched[tweet_id] = left
            else:
                del self.watched[tweet_id]
                self._touched.pop(tweet_id, None)
                self._told.pop(tweet_id, None)
        stream.counters = stream.counters.difference(tweet_ids)

    def touch(self, tweet_ids: Iterable[int], place: TopicPartition, offset: int) -> None:
        """Note that the record at that place may have changed the counts of tweets."""
        for tweet_id in tweet_ids:
            if tweet_id in self.watched:
                self._touched.setdefault(tweet_id, {})[place] = offset + 1

    def due(self, applied: Mapping[TopicPartition, int]) -> dict[int, Mapping[TopicPartition, int]]:
        """Return the tweets whose counts may have changed and can be read, and up to where they have."""
        found: dict[int, Mapping[TopicPartition, int]] = {}
        for tweet_id, places in self._touched.items():
            if all(applied.get(place, 0) >= offset for place, offset in places.items()):
                found[tweet_id] = places.copy()
                if len(found) == MOST_READ:
                    break
        return found

    def done(self, due: Mapping[int, Mapping[TopicPartition, int]]) -> None:
        """Take these for told, but for those to which something was done since."""
        for tweet_id, places in due.items():
            if self._touched.get(tweet_id) == places:
                del self._touched[tweet_id]

    def tell(self, shown: Shown, counts: CountsRow, send: Callable[[Stream, Message], object]) -> None:
        """Tell all who show the tweet of its counts, unless they are what was told last."""
        tweet_id = shown.tweet.tweet_id
        if tweet_id not in self.watched or self._told.get(tweet_id) == counts:
            return
        self._told[tweet_id] = counts
        message = of(tweet_id, counts)
        for stream in self.watched[tweet_id]:
            if not stream.viewer.blocks(shown.author_id):
                send(stream, message)


def of(tweet_id: int, counts: CountsRow) -> Message:
    """Return the message that tells a tweet's counts."""
    named = Counts(*counts)
    data = {
        "tweet_id": to_uuid(tweet_id),
        "likes_count": named.likes,
        "retweets_count": named.retweets,
        "replies_count": named.replies,
        "quotes_count": named.quotes,
    }
    return Message(COUNTERS, orjson.dumps(data))


def read(readers: Readers, tweet_ids: Collection[int]) -> list[tuple[Shown, CountsRow]]:
    """Return the tweets that stand among the ids, each with its counts as they are. May wait, on servers."""
    if not tweet_ids:
        return []
    known = readers.hydrate_tweets.load(tweet_ids)
    counts = readers.engagement.counts(tweet_ids)
    return [(known[it], counts.get(it, _NONE)) for it in tweet_ids if it in known]
