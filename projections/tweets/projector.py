"""Decides which tweets stand, and renders of each what never changes.

Consumes:   TweetPosted, TweetDeleted, Retweeted, RetweetUndone
Writes:     nothing itself; returns Tweet (put it, unless it was removed) and RemoveTweet for the store
Guarantee:  the same events give the same writes, to the byte; no clock, no I/O
Rebuild:    safe from position 0, in any interleaving that keeps each author's order
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, assert_never, cast

from projections.tweets import rendering
from projections.tweets.read_model import Tweet
from schemas.tweets.events import Retweeted, RetweetUndone, TweetDeleted, TweetPosted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.envelope import Event


class RemoveTweet(NamedTuple):
    """Take the tweet away for good: no copy of its post brings it back."""

    tweet_id: int


Fact = TweetPosted | TweetDeleted | Retweeted | RetweetUndone
Write = Tweet | RemoveTweet


def project(events: Sequence[Event]) -> list[Write]:
    """Return the writes of a batch, removals first: they hold for good, so their order does not matter."""
    removed: list[Write] = []
    posted: list[Write] = []
    for event in cast("Sequence[Fact]", events):
        match event:
            case TweetPosted():
                posted.append(rendering.post(event))
            case Retweeted():
                posted.append(rendering.retweet(event))
            case TweetDeleted() | RetweetUndone():
                removed.append(RemoveTweet(event.tweet_id))
            case _:
                assert_never(event)
    return removed + posted
