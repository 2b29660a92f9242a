"""Events with the parts that a test does not care about filled in."""

from __future__ import annotations

from schemas.accounts.events import AccountRegistered, AccountRestored, AccountSuspended, SignedIn
from schemas.engagements.events import Liked, Unliked
from schemas.envelope import Envelope
from schemas.follows.events import Followed, Unfollowed
from schemas.ids import first_id_at
from schemas.media.events import MediaCollected, MediaReady, MediaUploaded, Thumbnail
from schemas.moderation.events import ReportFiled
from schemas.tweets.events import (
    AttachedThumbnail,
    Attachment,
    Retweeted,
    RetweetUndone,
    TweetDeleted,
    TweetModerated,
    TweetPosted,
)

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


def suspended(user_id: int, until_ms: int = 0, at_ms: int = EPOCH_MS) -> AccountSuspended:
    """A suspension; until 0: without an end."""
    return AccountSuspended(envelope(at_ms), user_id, until_ms, "spam")


def restored(user_id: int, at_ms: int = EPOCH_MS) -> AccountRestored:
    """The end of a suspension."""
    return AccountRestored(envelope(at_ms), user_id)


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


def uploaded(owner_id: int, media_id: int, alt_text: str = "", at_ms: int = EPOCH_MS) -> MediaUploaded:
    """An image that was sent."""
    return MediaUploaded(envelope(at_ms, owner_id), media_id, owner_id, "image/jpeg", 1000, "0" * 64, alt_text)


def ready(owner_id: int, media_id: int, kind: str = "image", at_ms: int = EPOCH_MS) -> MediaReady:
    """An image, or a video of one second, that can be shown."""
    video = kind == "video"
    return MediaReady(
        envelope(at_ms),
        media_id,
        owner_id,
        kind,
        f"{media_id:064x}.{'mp4' if video else 'jpg'}",
        "video/mp4" if video else "image/jpeg",
        size=900,
        width=400,
        height=300,
        blurhash="LEHV6nWB2yk8pyo0adR*.7kCMdnj",
        duration_ms=1000 if video else 0,
        poster=f"{media_id + 1:064x}.webp" if video else "",
        thumbnails=[Thumbnail(name, f"{media_id:064x}.webp", 40, 30) for name in ("small", "medium", "large")],
    )


def collected(owner_id: int, media_id: int, reason: str = "unattached", at_ms: int = EPOCH_MS) -> MediaCollected:
    """What nobody is shown any more."""
    return MediaCollected(envelope(at_ms), media_id, owner_id, reason)


def attachment(media_id: int, kind: str = "image", alt_text: str = "") -> Attachment:
    """What a tweet says of `ready(..., media_id, kind)`."""
    event = ready(1, media_id, kind)
    return Attachment(
        media_id,
        kind,
        event.file,
        event.content_type,
        event.width,
        event.height,
        event.duration_ms,
        event.blurhash,
        alt_text,
        event.poster,
        [AttachedThumbnail(it.name, it.file, it.width, it.height) for it in event.thumbnails],
    )


def deleted(author_id: int, tweet_id: int, at_ms: int = EPOCH_MS) -> TweetDeleted:
    """A tweet taken back."""
    return TweetDeleted(envelope(at_ms, author_id), tweet_id, author_id)


def moderated(
    author_id: int, tweet_id: int, *, hidden: bool = False, label: str = "", limited: bool = False
) -> TweetModerated:
    """How a tweet shows from now on."""
    return TweetModerated(envelope(), tweet_id, author_id, hidden, label, limited)


def reported(subject_id: int, owner_id: int, by: int, at_ms: int = EPOCH_MS, kind: str = "tweet") -> ReportFiled:
    """A report of spam."""
    return ReportFiled(envelope(at_ms, by), subject_id, kind, owner_id, by, "spam", "look")


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
