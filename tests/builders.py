"""Events with the parts that a test does not care about filled in."""

from __future__ import annotations

from schemas.accounts.events import AccountRegistered, SignedIn
from schemas.engagements.events import Liked, Unliked
from schemas.envelope import Envelope
from schemas.follows.events import Followed, Unfollowed
from schemas.ids import first_id_at
from schemas.tweets.events import Retweeted, RetweetUndone, TweetDeleted, TweetPosted

EPOCH_MS = 1_700_000_000_000


def envelope(at_ms: int = EPOCH_MS, actor_id: int = 0) -> Envelope:
    """An envelope whose event id is unique per millisecond."""
    return Envelope(event_id=first_id_at(at_ms), occurred_at_ms=at_ms, actor_id=actor_id)


def registered(user_id: int, username: str = "", at_ms: int = EPOCH_MS) -> AccountRegistered:
    """An account."""
    name = username or f"user_{user_id}"
    return AccountRegistered(envelope(at_ms, user_id), user_id, name, name.title())


def signed_in(user_id: int, at_ms: int = EPOCH_MS) -> SignedIn:
    """A reader who was seen."""
    return SignedIn(envelope(at_ms, user_id), user_id)


def followed(user_id: int, target_id: int, at_ms: int = EPOCH_MS) -> Followed:
    """A follow."""
    return Followed(envelope(at_ms, user_id), user_id, target_id)


def unfollowed(user_id: int, target_id: int, at_ms: int = EPOCH_MS) -> Unfollowed:
    """The end of a follow."""
    return Unfollowed(envelope(at_ms, user_id), user_id, target_id)


def posted(
    author_id: int,
    tweet_id: int,
    content: str = "hello",
    *,
    reply_to: tuple[int, int] | None = None,
    quoted: tuple[int, int] | None = None,
    at_ms: int = EPOCH_MS,
) -> TweetPosted:
    """A tweet; `reply_to` and `quoted` are (tweet id, author id)."""
    return TweetPosted(
        envelope(at_ms, author_id),
        tweet_id,
        author_id,
        content,
        conversation_id=reply_to[0] if reply_to else tweet_id,
        reply_to_tweet_id=reply_to and reply_to[0],
        reply_to_author_id=reply_to and reply_to[1],
        quoted_tweet_id=quoted and quoted[0],
        quoted_author_id=quoted and quoted[1],
    )


def deleted(author_id: int, tweet_id: int, at_ms: int = EPOCH_MS) -> TweetDeleted:
    """A tweet taken back."""
    return TweetDeleted(envelope(at_ms, author_id), tweet_id, author_id)


def retweeted(author_id: int, tweet_id: int, original: tuple[int, int], at_ms: int = EPOCH_MS) -> Retweeted:
    """A retweet; `original` is (tweet id, author id)."""
    return Retweeted(envelope(at_ms, author_id), tweet_id, author_id, *original)


def retweet_undone(author_id: int, tweet_id: int, original: tuple[int, int], at_ms: int = EPOCH_MS) -> RetweetUndone:
    """A retweet taken back."""
    return RetweetUndone(envelope(at_ms, author_id), tweet_id, author_id, *original)


def liked(user_id: int, tweet: tuple[int, int], at_ms: int = EPOCH_MS) -> Liked:
    """A like; `tweet` is (tweet id, author id)."""
    return Liked(envelope(at_ms, user_id), *tweet, user_id)


def unliked(user_id: int, tweet: tuple[int, int], at_ms: int = EPOCH_MS) -> Unliked:
    """A like taken back."""
    return Unliked(envelope(at_ms, user_id), *tweet, user_id)
