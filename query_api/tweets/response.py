"""Present: tweets as bytes. Fragments, counts and flags are joined, never parsed: see docs/queries.md for the figures.

A retweet shows the counts and flags of its original, outside and inside: it has none of its own. What a tweet quotes
is shown one level deep, and null where it is gone or hidden.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from projections.engagement.read_model import Counts
from query_api.pages import page
from query_api.users.response import unknown_author_members
from schemas.ids import to_uuid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from projections.tweets.read_model import Tweet
    from query_api.tweets.hydrate import Hydrated
    from query_api.tweets.rules import Shown

_BOOL = (b"false", b"true")
_FLAGS = [
    b',"liked":%s,"retweeted":%s,"bookmarked":%s' % (_BOOL[i & 1], _BOOL[i >> 1 & 1], _BOOL[i >> 2]) for i in range(8)
]
_PLAIN = [flags + b',"retweeted_tweet":null,"quoted_tweet":null' for flags in _FLAGS]
_NO_COUNTS = Counts()
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
    return page(member, tweet_objects(items, hydrated, scores), "next_max_id", next_value)


def thread(
    above: Sequence[Shown], shown: Shown, replies: Sequence[Shown], hydrated: Hydrated, next_max_id: int | None
) -> bytes:
    """Return a tweet between what it answers and a page of its replies."""
    below = tweet_page(replies, hydrated, next_max_id, member="replies")
    ancestors = tweet_objects(above, hydrated)
    asked_for = tweet_objects([shown], hydrated)
    return b"".join([b'{"ancestors":[', *ancestors, b'],"tweet":', *asked_for, b",", below[1:]])


def tweet_objects(items: Iterable[Shown], hydrated: Hydrated, scores: Mapping[int, bytes] | None = None) -> list[bytes]:
    """Return each tweet as a JSON object, with commas between them, in parts to be joined."""
    present = _Presenter(hydrated)
    counts, authors, marked = hydrated.counts, hydrated.authors, present.marked
    parts: list[bytes] = []
    for item in items:
        if item.refers:
            parts += present.nesting(item)
        else:  # most tweets: written out, because a call for each costs as much as all the rest
            tweet_id = item.subject_id
            parts += (
                b"{",
                item.tweet.body,
                b',"user":{',
                authors.get(item.author_id) or unknown_author_members(item.author_id),
                _numbers(counts.get(tweet_id, _NO_COUNTS)),
                _PLAIN[present.flags(tweet_id)] if tweet_id in marked else _PLAIN[0],
            )
        if scores is not None:
            parts += (b',"score":', scores[item.tweet.tweet_id])
        parts.append(b"},")
    parts[-1:] = [b"}"] if parts else []
    return parts


def tweet_object(item: Shown, hydrated: Hydrated) -> bytes:
    """Return one tweet."""
    return b"".join(tweet_objects([item], hydrated))


class _Presenter:
    """Gives tweets that refer to others as parts to be joined: all but the closing brace."""

    def __init__(self, hydrated: Hydrated) -> None:
        self._counts, (self._liked, self._retweeted, self._bookmarked), self._authors = hydrated
        self.marked = self._liked | self._retweeted | self._bookmarked

    def nesting(self, item: Shown) -> tuple[bytes, ...]:
        """Return a retweet or a quote."""
        quote = b"null" if item.quoted is None else b"{%s}" % self._alone(item.quoted, item.quoted)
        nested = b',"retweeted_tweet":null,"quoted_tweet":%s' % quote
        inner = self._alone(item.subject, item.subject) + nested
        if item.tweet is item.subject:
            return b"{", inner
        outer = self._alone(item.tweet, item.subject)
        return b"{", outer, b',"retweeted_tweet":{', inner, b'},"quoted_tweet":null'

    def _alone(self, tweet: Tweet, subject: Tweet) -> bytes:
        author = self._authors.get(tweet.author_id) or unknown_author_members(tweet.author_id)
        numbers = _numbers(self._counts.get(subject.tweet_id, _NO_COUNTS))
        return b'%s,"user":{%s%s%s' % (tweet.body, author, numbers, _FLAGS[self.flags(subject.tweet_id)])

    def flags(self, tweet_id: int) -> int:
        """Return the place of a tweet's flags in the tables above."""
        return (tweet_id in self._liked) | (tweet_id in self._retweeted) << 1 | (tweet_id in self._bookmarked) << 2


@lru_cache(_COUNTS_KEPT)
def _numbers(counts: Counts) -> bytes:
    """Return the end of the member before, `user`, and the counts."""
    return b'},"likes_count":%d,"retweets_count":%d,"replies_count":%d,"quotes_count":%d' % counts
