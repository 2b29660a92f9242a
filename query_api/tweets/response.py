"""Present: tweets as bytes. Fragments, counts and flags are joined, never parsed: see docs/queries.md for the figures.

A retweet shows the counts and flags of its original, outside and inside: it has none of its own. What a tweet quotes
is shown one level deep, and null where it is gone or hidden.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from projections.engagement.read_model import Counts
from query_api.pages import pages
from query_api.users.response import unknown_author_members
from schemas.ids import to_uuid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from projections.tweets.read_model import Tweet
    from query_api.tweets.hydrate import Hydrated
    from query_api.tweets.rules import Shown

_NO_COUNTS = Counts()
_BOOL = (b"false", b"true")
_FLAGS = [
    b',"liked":%s,"retweeted":%s,"bookmarked":%s' % (_BOOL[i & 1], _BOOL[i >> 1 & 1], _BOOL[i >> 2]) for i in range(8)
]
_UNNESTED = [flags + b',"retweeted_tweet":null,"quoted_tweet":null' for flags in _FLAGS]
_COUNTS_KEPT = 16_384  # most tweets share few combinations of counts; 16 K small strings are some 2 MB


def tweet_page(
    items: Sequence[Shown],
    hydrated: Hydrated,
    next_max_id: int | None,
    *,
    member: str = "tweets",
    scores: Mapping[int, bytes] | None = None,
) -> bytes:
    """Return a page of tweets; `scores` adds a member `score` by tweet id."""
    next_value = None if next_max_id is None else to_uuid(next_max_id)
    return pages(member, tweet_objects(items, hydrated, scores), "next_max_id", next_value)


def tweet_objects(items: Iterable[Shown], hydrated: Hydrated, scores: Mapping[int, bytes] | None = None) -> list[bytes]:
    """Return each tweet as a JSON object."""
    present = _Presenter(hydrated)
    if scores is None:
        return [b"{" + present.members(item) + b"}" for item in items]
    return [b'{%s,"score":%s}' % (present.members(item), scores[item.tweet.tweet_id]) for item in items]


class _Presenter:
    def __init__(self, hydrated: Hydrated) -> None:
        self._counts = hydrated.counts
        self._liked, self._retweeted, self._bookmarked = hydrated.flags
        self._authors = hydrated.authors

    def members(self, item: Shown) -> bytes:
        """Return the members of a tweet's object, what it refers to included."""
        tweet, subject, quoted = item
        numbers = self._numbers(subject.tweet_id)
        flags = self._flags(subject.tweet_id)
        if tweet is subject and quoted is None:
            return self._head(tweet) + numbers + _UNNESTED[flags]
        quote = b"null" if quoted is None else b"{%s}" % self._core(quoted)
        nested = b'%s%s,"retweeted_tweet":null,"quoted_tweet":%s' % (numbers, _FLAGS[flags], quote)
        if tweet is subject:
            return self._head(tweet) + nested
        original = self._head(subject) + nested
        return b'%s%s%s,"retweeted_tweet":{%s},"quoted_tweet":null' % (
            self._head(tweet),
            numbers,
            _FLAGS[flags],
            original,
        )

    def _core(self, tweet: Tweet) -> bytes:
        return self._head(tweet) + self._numbers(tweet.tweet_id) + _FLAGS[self._flags(tweet.tweet_id)]

    def _head(self, tweet: Tweet) -> bytes:
        author = self._authors.get(tweet.author_id)
        if author is None:  # the accounts projection is behind the tweets projection
            author = unknown_author_members(tweet.author_id)
        return b'%s,"user":{%s}' % (tweet.body, author)

    def _numbers(self, tweet_id: int) -> bytes:
        return _numbers(self._counts.get(tweet_id, _NO_COUNTS))

    def _flags(self, tweet_id: int) -> int:
        return (tweet_id in self._liked) | (tweet_id in self._retweeted) << 1 | (tweet_id in self._bookmarked) << 2


@lru_cache(_COUNTS_KEPT)
def _numbers(counts: Counts) -> bytes:
    return b',"likes_count":%d,"retweets_count":%d,"replies_count":%d,"quotes_count":%d' % counts


def thread(
    above: Iterable[Shown], shown: Shown, replies: Sequence[Shown], hydrated: Hydrated, next_max_id: int | None
) -> bytes:
    """Return a tweet between what it answers and a page of its replies."""
    page = tweet_page(replies, hydrated, next_max_id, member="replies")
    ancestors = b",".join(tweet_objects(above, hydrated))
    return b'{"ancestors":[%s],"tweet":%s,%s' % (ancestors, tweet_objects([shown], hydrated)[0], page[1:])
