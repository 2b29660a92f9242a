"""What tweet commands must know before they decide, from the read models and the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands import claims
from commands.errors import CommandRefusedError
from commands.media.lookups import of_owner
from commands.tweets.found import DeleteFound, PostFound, Reference, RetweetFound
from infra.places import WORLD
from projections.engagement.read_model import Counts
from projections.tweets.read_model import Kind
from schemas.tweets.events import Mention

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commands.services import Services
    from commands.tweets.command import PostTweet, TweetCommand
    from commands.tweets.text import Entities
    from projections.tweets.read_model import Tweet


async def for_post(services: Services, command: PostTweet, entities: Entities) -> PostFound:
    """Look up the accounts named, the parent and the quoted tweet, and where hashtags count."""
    parent = quoted = None
    if command.reply_to_tweet_id is not None:
        parent = await reference(services, command.author_id, command.reply_to_tweet_id)
    if command.quoted_tweet_id is not None:
        quoted = await reference(services, command.author_id, command.quoted_tweet_id)
    mentions = _mentions(services, entities.mentions) if entities.mentions else ()
    place = services.views.place_of(command.author_id) if entities.hashtags else WORLD
    media = await of_owner(services, command.author_id, command.media_ids) if command.media_ids else ()
    return PostFound(mentions, parent, quoted, place, media)


async def for_retweet(services: Services, command: TweetCommand) -> RetweetFound:
    """Look up the original and what the account did with it."""
    original = await reference(services, command.user_id, command.tweet_id)
    await services.views.retweets_fresh(command.user_id)
    original_id = original.tweet.tweet_id
    claimed = services.journal.owner(claims.retweet_key(command.user_id, original_id))
    engagement = services.views.engagement
    retweet_id = claimed or engagement.retweet_id(command.user_id, original_id) or 0
    if retweet_id and services.journal.owner(claims.deleted_key(retweet_id)) is not None:
        retweet_id = 0  # an undone retweet that engagement has not forgotten yet
    counts = Counts(*engagement.counts([original_id]).get(original_id, ()))
    return RetweetFound(original, retweet_id, claimed is not None, counts.retweets)


async def for_delete(services: Services, command: TweetCommand) -> DeleteFound:
    """Look up the tweet, and whether it was deleted before."""
    deleted_by = services.journal.owner(claims.deleted_key(command.tweet_id))
    if deleted_by is not None:
        return DeleteFound(None, deleted_by)
    tweet = await _standing(services, command.tweet_id)
    if tweet is None or tweet.kind != Kind.RETWEET:
        return DeleteFound(tweet, None)
    owner = services.journal.owner(claims.retweet_key(tweet.author_id, tweet.original_id))
    return DeleteFound(tweet, None, claimed=owner == tweet.tweet_id)


async def reference(services: Services, user_id: int, tweet_id: int) -> Reference:
    """Return the tweet (a retweet's original) that the account refers to; refuses where it does not stand."""
    tweet = await _standing(services, tweet_id)
    if tweet is not None and tweet.kind == Kind.RETWEET:
        tweet = await _standing(services, tweet.original_id)
    if tweet is None or _is_withheld(services, user_id, tweet):
        raise CommandRefusedError("tweet_not_found")
    blocked = False
    if tweet.author_id != user_id:
        await services.views.graph_fresh(tweet.author_id)
        blocked = services.views.graph.relation(user_id, tweet.author_id).blocked_by
    return Reference(tweet, blocked)


def _is_withheld(services: Services, user_id: int, tweet: Tweet) -> bool:
    """Tell whether moderators have hidden a tweet from an account, or its author from everybody."""
    return tweet.author_id != user_id and (tweet.hidden or tweet.author_id in services.views.standings.gone)


async def _standing(services: Services, tweet_id: int) -> Tweet | None:
    """Return a tweet unless it is deleted or unknown; unknown only once the read model has caught up."""
    if services.journal.owner(claims.deleted_key(tweet_id)) is not None:
        return None
    found = services.views.tweets.many([tweet_id]).get(tweet_id)
    if found is not None:
        return found
    if not await services.views.tweets_fresh():
        raise CommandRefusedError("projection_behind", "It is not known yet whether there is such a tweet.")
    return services.views.tweets.many([tweet_id]).get(tweet_id)


def _mentions(services: Services, names: Sequence[str]) -> list[Mention]:
    """Resolve the names of accounts that exist, each account once; names are claimed, so no projection may lag."""
    found: dict[int, Mention] = {}
    for name in names:
        user_id = services.journal.owner(claims.username_key(name))
        if user_id is not None:
            found.setdefault(user_id, Mention(user_id, name))
    return list(found.values())
