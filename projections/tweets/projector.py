"""Decides which tweets stand, and renders of each what never changes.

Consumes:   TweetPosted, TweetDeleted, Retweeted, RetweetUndone, TweetModerated
Writes:     nothing itself; returns Tweet (put it, unless it was removed), RemoveTweet and ModerateTweet
Guarantee:  the same events give the same writes, to the byte; no clock, no I/O
Rebuild:    safe from position 0, in any interleaving that keeps each author's order
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, assert_never, cast

from projections.tweets import rendering
from projections.tweets.read_model import Tweet
from schemas.tweets.events import (
    Retweeted,
    RetweetUndone,
    TopicsWithdrawn,
    TweetDeleted,
    TweetModerated,
    TweetPosted,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.envelope import Event


class RemoveTweet(NamedTuple):
    """Take the tweet away for good: no copy of its post brings it back."""

    tweet_id: int


class ModerateTweet(NamedTuple):
    """How the tweet shows from now on."""

    tweet_id: int
    hidden: bool
    label: str
    limited: bool


Fact = TweetPosted | TweetDeleted | Retweeted | RetweetUndone | TweetModerated | TopicsWithdrawn
Write = Tweet | RemoveTweet | ModerateTweet


def project(events: Sequence[Event]) -> list[Write]:
    """Return the writes of a batch, removals first: they hold for good. What is moderated was posted before."""
    removed: list[Write] = []
    posted: list[Write] = []
    moderated: list[Write] = []
    for event in cast("Sequence[Fact]", events):
        match event:
            case TweetPosted():
                posted.append(rendering.post(event))
            case Retweeted():
                posted.append(rendering.retweet(event))
            case TweetDeleted() | RetweetUndone():
                removed.append(RemoveTweet(event.tweet_id))
            case TweetModerated():
                moderated.append(ModerateTweet(event.tweet_id, event.hidden, event.label, event.limited))
            case TopicsWithdrawn():
                pass
            case _:
                assert_never(event)
    return removed + posted + moderated
