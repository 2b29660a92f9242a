"""Decides what of a tweet is remembered for the score of its author.

Consumes:   TweetPosted, TopicsWithdrawn (its author is erased); retweets are nobody's words, and what was deleted was
            posted all the same
Writes:     nothing itself; returns Post for the store, which folds it into what it keeps of the author
Guarantee:  the same events give the same writes; no clock, no I/O
Rebuild:    safe from position 0, in any interleaving that keeps each author's order
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from projections.spam.features import MOST_MENTIONS, hosts, signature
from projections.spam.scoring import Seen
from schemas.tweets.events import TopicsWithdrawn, TweetPosted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.envelope import Event


class Post(NamedTuple):
    """An author posted: what is remembered of it; None: nothing is, of all that was posted before."""

    user_id: int
    seen: Seen | None


def project(events: Sequence[Event]) -> list[Post]:
    """Return the writes of a batch, in the events' order."""
    return [
        _post(event) if isinstance(event, TweetPosted) else Post(event.author_id, None)
        for event in events
        if isinstance(event, TweetPosted | TopicsWithdrawn)
    ]


def _post(event: TweetPosted) -> Post:
    mentions = tuple(dict.fromkeys(it.user_id for it in event.mentions))[:MOST_MENTIONS]
    at_ms = event.envelope.occurred_at_ms
    return Post(event.author_id, Seen(event.tweet_id, at_ms, signature(event.content), hosts(event.urls), mentions))
