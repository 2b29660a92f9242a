"""Decides about tweets: what may be posted, deleted, retweeted, and what happened then. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands import claims
from commands.decision import Concern, Decision
from commands.errors import CommandRefusedError
from commands.media.answer import shown_answer
from commands.media.handler import attachment, check_attachable
from commands.tweets import text
from commands.tweets.answer import DeletedAnswer, MentionAnswer, RetweetAnswer, TweetAnswer
from infra.clock import rfc3339
from projections.tweets.read_model import Kind
from schemas.catalogue import TWEETS
from schemas.ids import to_uuid
from schemas.tweets.events import Retweeted, RetweetUndone, TweetDeleted, TweetPosted

if TYPE_CHECKING:
    from commands.decision import Stamp
    from commands.tweets.command import PostTweet, TweetCommand
    from commands.tweets.found import DeleteFound, PostFound, Reference, RetweetFound
    from projections.tweets.read_model import Tweet


def check_text(content: str, *, pictured: bool = False) -> str:
    """Return the text as it will be kept; refuses what may not be posted. What has media needs no text."""
    refusal = text.refusal(content)
    if refusal == "text_empty" and pictured:
        return ""
    if refusal is not None:
        raise CommandRefusedError(refusal, param="content")
    return text.normalise(content)


def check_reference(found: Reference | None) -> None:
    """Refuse to refer to a tweet whose author blocks the account."""
    if found is not None and found.blocked:
        raise CommandRefusedError("blocked")


def post_tweet(
    command: PostTweet, entities: text.Entities, found: PostFound, stamp: Stamp, media_url: str = ""
) -> Decision:
    """Post a checked tweet: the root of its own conversation unless it replies."""
    check_reference(found.parent)
    check_reference(found.quoted)
    media = [attachment(it) for it in check_attachable(found.media)]
    tweet_id = stamp.next_id()
    parent = found.parent.tweet if found.parent else None
    quoted = found.quoted.tweet if found.quoted else None
    event = TweetPosted(
        stamp.envelope(),
        tweet_id,
        command.author_id,
        command.content,
        conversation_id=parent.conversation_id if parent else tweet_id,
        reply_to_tweet_id=parent.tweet_id if parent else None,
        reply_to_author_id=parent.author_id if parent else None,
        quoted_tweet_id=quoted.tweet_id if quoted else None,
        quoted_author_id=quoted.author_id if quoted else None,
        hashtags=list(dict.fromkeys(entities.hashtags)),
        mentions=list(found.mentions),
        urls=list(dict.fromkeys(entities.urls)),
        media_ids=[it.media_id for it in media],
        place=found.place,
        media=media,
    )
    names = tuple(claims.media(it.media_id, tweet_id) for it in media)
    return Decision(_answer(event, media_url), (event,), names, status=201)


def _answer(event: TweetPosted, media_url: str) -> TweetAnswer:
    tweet_id = to_uuid(event.tweet_id)
    parent_id = None if event.reply_to_tweet_id is None else to_uuid(event.reply_to_tweet_id)
    return TweetAnswer(
        tweet_id=tweet_id,
        user_id=to_uuid(event.author_id),
        content=event.content,
        created_at=rfc3339(event.envelope.occurred_at_ms),
        type="REPLY" if parent_id else "TWEET" if event.quoted_tweet_id is None else "QUOTE_TWEET",
        conversation_id=to_uuid(event.conversation_id) if parent_id else tweet_id,
        reply_to_tweet_id=parent_id,
        parent_tweet_id=parent_id,
        quoted_tweet_id=None if event.quoted_tweet_id is None else to_uuid(event.quoted_tweet_id),
        hashtags=tuple(event.hashtags),
        mentions=[MentionAnswer(to_uuid(it.user_id), it.username) for it in event.mentions],
        urls=tuple(event.urls),
        media=[shown_answer(it, media_url) for it in event.media],
    )


def delete_tweet(command: TweetCommand, found: DeleteFound, stamp: Stamp) -> Decision:
    """Delete one's own tweet, or undo one's own retweet by its id."""
    answer = DeletedAnswer(to_uuid(command.tweet_id))
    if found.deleted_by == command.user_id:
        return Decision(answer, concerns=(Concern(TWEETS, command.user_id),))
    if found.tweet is None:
        raise CommandRefusedError("tweet_not_found")
    if found.tweet.author_id != command.user_id:
        raise CommandRefusedError("not_the_author")
    return _remove(found.tweet, answer, stamp, claimed=found.claimed)


def _remove(tweet: Tweet, answer: DeletedAnswer | RetweetAnswer, stamp: Stamp, *, claimed: bool) -> Decision:
    gone = (claims.deleted(tweet.tweet_id, tweet.author_id),)
    if tweet.kind == Kind.RETWEET:
        return _undo(tweet.tweet_id, tweet.original_id, tweet.original_author_id, answer, stamp, claimed=claimed)
    event = TweetDeleted(
        stamp.envelope(), tweet.tweet_id, tweet.author_id, tweet.parent_id or None, tweet.quoted_id or None
    )
    return Decision(answer, (event,), gone)


def retweet(command: TweetCommand, found: RetweetFound, stamp: Stamp) -> Decision:
    """Pass a tweet on, once."""
    original = found.original.tweet
    tweet_id = to_uuid(original.tweet_id)
    if found.retweet_id:
        answer = RetweetAnswer(tweet_id, True, max(found.retweets_count, 1), to_uuid(found.retweet_id))
        return Decision(answer, concerns=(Concern(TWEETS, command.user_id),))
    check_reference(found.original)
    retweet_id = stamp.next_id()
    event = Retweeted(stamp.envelope(), retweet_id, command.user_id, original.tweet_id, original.author_id)
    claim = claims.retweet(command.user_id, original.tweet_id, retweet_id)
    answer = RetweetAnswer(tweet_id, True, found.retweets_count + 1, to_uuid(retweet_id))
    return Decision(answer, (event,), (claim,))


def undo_retweet(command: TweetCommand, found: RetweetFound, stamp: Stamp) -> Decision:
    """Take one's retweet back."""
    original = found.original.tweet
    tweet_id = to_uuid(original.tweet_id)
    if not found.retweet_id:
        answer = RetweetAnswer(tweet_id, False, found.retweets_count, None)
        return Decision(answer, concerns=(Concern(TWEETS, command.user_id),))
    answer = RetweetAnswer(tweet_id, False, max(found.retweets_count - 1, 0), None)
    return _undo(found.retweet_id, original.tweet_id, original.author_id, answer, stamp, claimed=found.claimed)


def _undo(
    retweet_id: int,
    original_id: int,
    original_author_id: int,
    answer: DeletedAnswer | RetweetAnswer,
    stamp: Stamp,
    *,
    claimed: bool,
) -> Decision:
    event = RetweetUndone(stamp.envelope(), retweet_id, stamp.actor_id, original_id, original_author_id)
    releases = (claims.retweet(stamp.actor_id, original_id, retweet_id),) if claimed else ()
    return Decision(answer, (event,), (claims.deleted(retweet_id, stamp.actor_id),), releases)
