"""Says what an account added to the counts of topics, so that it can be taken away again.

Guarantee:  the same as the store counted, by the same rule, as far as the account's uses were recognised: an account
            that used a topic again so late that it counted as another author leaves that author standing
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from projections.trends.counting import History, Slot, Spoken, added
from projections.trends.projector import UNKNOWN, Use
from schemas.tweets.events import TopicCount

if TYPE_CHECKING:
    from collections.abc import Iterable

    from schemas.tweets.events import TweetPosted


def counted(posts: Iterable[TweetPosted]) -> list[TopicCount]:
    """Return what all tweets of one account, in the order of the log, have added."""
    history = History()
    sums: dict[Slot, tuple[int, int]] = {}
    for number, post in enumerate(posts):
        topics = dict.fromkeys(tag.lower() for tag in post.hashtags if tag != UNKNOWN)
        uses = (Use(it, post.tweet_id, post.author_id, post.place, post.envelope.occurred_at_ms) for it in topics)
        found = [(it := Spoken(use, number, 0), added(it, history)) for use in uses]
        history.add(it for it, more in found if more)
        for slot, authors in (more for _, those in found for more in those):
            known = sums.get(slot, (0, 0))
            sums[slot] = known[0] + 1, known[1] + authors
    return [TopicCount(it.topic, it.place, it.length_ms, it.began_ms, *sums[it]) for it in sums]
