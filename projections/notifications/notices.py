"""Says of an event whom it notifies of what. Pure; the projection, the live hub and push all go by it.

Nobody is notified of own doings. A tweet notifies an account once, of the first that applies of: it replies to the
account's tweet, quotes it, mentions the account. Whether the account wants to know, and may see the actor, is decided
when it is shown: see docs/notifications.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from projections.notifications.read_model import DAY_MS, NO_TWEET, Group, Kind
from schemas.engagements.events import Liked, Unliked
from schemas.follows.events import Followed, Unfollowed
from schemas.tweets.events import Retweeted, RetweetUndone, TweetPosted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.envelope import Event


class Notice(NamedTuple):
    """The actor did something that concerns the recipient; `tweet_id` is what it was done to, or what the actor wrote.

    There is one of each (recipient, tweet, kind, actor): said again it keeps its first time, also where it was taken
    back in between.
    """

    recipient_id: int
    tweet_id: int
    kind: int
    actor_id: int
    at_ms: int

    @property
    def group(self) -> Group:
        """What it is shown with."""
        return Group(self.kind, self.tweet_id, self.at_ms // DAY_MS)


def told(event: Event) -> Sequence[Notice]:
    """Return the notices that an event gives rise to."""
    match event:
        case Liked():
            return _one(event.author_id, event.tweet_id, Kind.LIKE, event.user_id, event)
        case TweetPosted():
            return _posted(event)
        case Retweeted():
            return _one(event.original_author_id, event.original_id, Kind.RETWEET, event.author_id, event)
        case Followed():
            return _one(event.target_id, NO_TWEET, Kind.FOLLOW, event.user_id, event)
        case _:
            return ()


def taken_back(event: Event) -> Sequence[Notice]:
    """Return the notices that an event takes back; their time is the event's, and means nothing.

    Deleted tweets are not among them: the tweets projection knows them, and what is about them does not show.
    """
    match event:
        case Unliked():
            return _one(event.author_id, event.tweet_id, Kind.LIKE, event.user_id, event)
        case RetweetUndone():
            return _one(event.original_author_id, event.original_id, Kind.RETWEET, event.author_id, event)
        case Unfollowed():
            return _one(event.target_id, NO_TWEET, Kind.FOLLOW, event.user_id, event)
        case _:
            return ()


def _one(recipient_id: int, tweet_id: int, kind: int, actor_id: int, event: Event) -> Sequence[Notice]:
    if recipient_id == actor_id:
        return ()
    return (Notice(recipient_id, tweet_id, kind, actor_id, event.envelope.occurred_at_ms),)


def _posted(event: TweetPosted) -> Sequence[Notice]:
    kinds = {mention.user_id: Kind.MENTION for mention in event.mentions}
    if event.quoted_author_id:
        kinds[event.quoted_author_id] = Kind.QUOTE
    if event.reply_to_author_id:
        kinds[event.reply_to_author_id] = Kind.REPLY
    at_ms = event.envelope.occurred_at_ms
    return [
        Notice(recipient_id, event.tweet_id, kind, event.author_id, at_ms)
        for recipient_id, kind in kinds.items()
        if recipient_id != event.author_id
    ]
