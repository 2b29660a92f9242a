"""What likes and bookmarks must know before they are decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.engagement.found import EngageFound
from commands.tweets.lookups import reference
from projections.engagement.read_model import Counts

if TYPE_CHECKING:
    from commands.engagement.command import Engage
    from commands.services import Services


async def for_engage(services: Services, command: Engage) -> EngageFound:
    """Look up the tweet and the account's like and bookmark of it."""
    found = await reference(services, command.user_id, command.tweet_id)
    tweet_id = found.tweet.tweet_id
    certain = await services.views.engagement_fresh(tweet_id)
    engagement = services.views.engagement
    flags = engagement.flags(command.user_id, [tweet_id])
    counts = Counts(*engagement.counts([tweet_id]).get(tweet_id, ()))
    return EngageFound(found, tweet_id in flags.liked, tweet_id in flags.bookmarked, counts.likes, certain)
