"""Decides about likes and bookmarks. Pure.

What would change nothing is no event, but only where that is certain: a repeated event is harmless, a lost one is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.decision import Concern, Decision
from commands.engagement.answer import BookmarkAnswer, LikeAnswer
from commands.tweets.handler import check_reference
from schemas.catalogue import ENGAGEMENTS
from schemas.engagements.events import Bookmarked, Liked, Unbookmarked, Unliked
from schemas.ids import to_uuid

if TYPE_CHECKING:
    from commands.decision import Stamp
    from commands.engagement.command import Engage
    from commands.engagement.found import EngageFound


def like(command: Engage, found: EngageFound, stamp: Stamp) -> Decision:
    """Like a tweet, once."""
    tweet = found.reference.tweet
    if found.liked and found.certain:
        return _unchanged(LikeAnswer(to_uuid(tweet.tweet_id), True, max(found.likes_count, 1)), found)
    check_reference(found.reference)
    event = Liked(stamp.envelope(), tweet.tweet_id, tweet.author_id, command.user_id)
    return Decision(LikeAnswer(to_uuid(tweet.tweet_id), True, found.likes_count + (not found.liked)), (event,))


def unlike(command: Engage, found: EngageFound, stamp: Stamp) -> Decision:
    """Take a like back."""
    tweet = found.reference.tweet
    if not found.liked and found.certain:
        return _unchanged(LikeAnswer(to_uuid(tweet.tweet_id), False, found.likes_count), found)
    event = Unliked(stamp.envelope(), tweet.tweet_id, tweet.author_id, command.user_id)
    return Decision(LikeAnswer(to_uuid(tweet.tweet_id), False, max(found.likes_count - found.liked, 0)), (event,))


def bookmark(command: Engage, found: EngageFound, stamp: Stamp) -> Decision:
    """Keep a tweet, once."""
    tweet, answer = found.reference.tweet, BookmarkAnswer(to_uuid(found.reference.tweet.tweet_id), True)
    if found.bookmarked and found.certain:
        return _unchanged(answer, found)
    check_reference(found.reference)
    return Decision(answer, (Bookmarked(stamp.envelope(), tweet.tweet_id, tweet.author_id, command.user_id),))


def unbookmark(command: Engage, found: EngageFound, stamp: Stamp) -> Decision:
    """Keep a tweet no longer."""
    tweet, answer = found.reference.tweet, BookmarkAnswer(to_uuid(found.reference.tweet.tweet_id), False)
    if not found.bookmarked and found.certain:
        return _unchanged(answer, found)
    return Decision(answer, (Unbookmarked(stamp.envelope(), tweet.tweet_id, tweet.author_id, command.user_id),))


def _unchanged(answer: LikeAnswer | BookmarkAnswer, found: EngageFound) -> Decision:
    return Decision(answer, concerns=(Concern(ENGAGEMENTS, found.reference.tweet.tweet_id),))
