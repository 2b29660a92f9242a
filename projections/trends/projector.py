"""Decides what a tweet says about topics.

Consumes:   TweetPosted, TopicsWithdrawn; what else is said about tweets is passed over: a topic was talked about,
            whatever becomes of it
Writes:     nothing itself; returns Use, Forget and Withdraw for the store
Guarantee:  the same events give the same writes; event time only, no I/O
Rebuild:    safe from position 0, in any interleaving that keeps each author's order
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from projections.trends.read_model import DAY_MS
from schemas.tweets.events import TopicsWithdrawn, TweetPosted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from schemas.envelope import Event

UNKNOWN = ""
"""The topic of a tweet whose author was erased: it counts for none, and moves the log partition on as it did."""


class Use(NamedTuple):
    """A tweet uses a topic, unless that is known."""

    topic: str
    tweet_id: int
    author_id: int
    place: int
    at_ms: int


class Forget(NamedTuple):
    """Nothing is known any more of what the author said, on these days above all."""

    author_id: int
    day_ms: tuple[int, ...]


class Withdraw(NamedTuple):
    """What an author added to a slot is taken away."""

    topic: str
    place: int
    length_ms: int
    began_ms: int
    uses: int
    authors: int


Write = Use | Forget | Withdraw


def project(events: Sequence[Event]) -> list[Write]:
    """Return the writes of a batch, in order."""
    return [write for event in events for write in _writes(event)]


def _writes(event: Event) -> Iterator[Write]:
    match event:
        case TweetPosted() if event.hashtags:
            for topic in dict.fromkeys(tag.lower() for tag in event.hashtags):
                yield Use(topic, event.tweet_id, event.author_id, event.place, event.envelope.occurred_at_ms)
        case TopicsWithdrawn():
            days = dict.fromkeys(it.began_ms - it.began_ms % DAY_MS for it in event.topics)
            yield Forget(event.author_id, tuple(days))
            for it in event.topics:
                yield Withdraw(it.topic, it.place, it.length_ms, it.began_ms, it.uses, it.authors)
        case _:
            pass


def tweets(uses: Iterable[Use]) -> Iterator[list[Use]]:
    """Return the uses of each tweet, in order; one that is said twice in a row is two."""
    tweet: list[Use] = []
    for use in uses:
        if tweet and (use.tweet_id != tweet[0].tweet_id or any(use.topic == it.topic for it in tweet)):
            yield tweet
            tweet = []
        tweet.append(use)
    if tweet:
        yield tweet
