"""Decides what a tweet says about topics.

Consumes:   TweetPosted; what else is said about tweets is passed over: a topic was talked about, whatever becomes of it
Writes:     nothing itself; returns Use for the store
Guarantee:  the same events give the same writes; event time only, no I/O
Rebuild:    safe from position 0, in any interleaving that keeps each author's order
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from schemas.tweets.events import TweetPosted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from schemas.envelope import Event


class Use(NamedTuple):
    """A tweet uses a topic, unless that is known."""

    topic: str
    tweet_id: int
    author_id: int
    place: int
    at_ms: int


def project(events: Sequence[Event]) -> list[Use]:
    """Return the uses of a batch, in order."""
    return [
        Use(topic, event.tweet_id, event.author_id, event.place, event.envelope.occurred_at_ms)
        for event in events
        if isinstance(event, TweetPosted) and event.hashtags
        for topic in dict.fromkeys(tag.lower() for tag in event.hashtags)
    ]


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
