"""Facts about tweets; topic `tweets`, key: the author's user_id."""

from __future__ import annotations

import msgspec

from schemas.envelope import Event


class Mention(msgspec.Struct, frozen=True):
    """An account named in a tweet: its id, and its name as it was written."""

    user_id: int
    username: str


class AttachedThumbnail(msgspec.Struct, frozen=True):
    """A smaller picture of what is attached: `name` is small, medium or large; WebP."""

    name: str
    file: str
    width: int
    height: int


class Attachment(msgspec.Struct, frozen=True):
    """An image or video of a tweet, with all that is needed to show it; fields as in schemas.media.events."""

    media_id: int
    kind: str
    file: str
    content_type: str
    width: int
    height: int
    duration_ms: int = 0
    blurhash: str = ""
    alt_text: str = ""
    poster: str = ""
    thumbnails: list[AttachedThumbnail] = []


class TweetPosted(Event, frozen=True):
    """An author wrote a tweet, a reply (`reply_to_*` given) or a quote (`quoted_*` given).

    `conversation_id` is the tweet at the root of the thread: the tweet itself where it replies to nothing. `place` is
    where a tweet with hashtags counts: the woeid of its author's location at that time, 1 (the world) for others.
    `media` says the same as `media_ids`, and how to show it; tweets of before version 3 have neither.
    `sealed` is what is not here because only its author's key opens it (schemas.sealing).
    """

    tweet_id: int
    author_id: int
    content: str
    conversation_id: int
    reply_to_tweet_id: int | None = None
    reply_to_author_id: int | None = None
    quoted_tweet_id: int | None = None
    quoted_author_id: int | None = None
    hashtags: list[str] = []
    mentions: list[Mention] = []
    urls: list[str] = []
    media_ids: list[int] = []
    place: int = 1
    media: list[Attachment] = []
    sealed: bytes = b""


class TweetDeleted(Event, frozen=True):
    """The author took a tweet back; carries what it referred to, so that counts can be mended without a look-up."""

    tweet_id: int
    author_id: int
    reply_to_tweet_id: int | None = None
    quoted_tweet_id: int | None = None


class Retweeted(Event, frozen=True):
    """`author_id` passed on `original_id`, a tweet of `original_author_id`; the retweet has an id of its own."""

    tweet_id: int
    author_id: int
    original_id: int
    original_author_id: int


class RetweetUndone(Event, frozen=True):
    """The retweet `tweet_id` was taken back."""

    tweet_id: int
    author_id: int
    original_id: int
    original_author_id: int


class TweetModerated(Event, frozen=True):
    """Moderators decided how the tweet shows; says all of it, so the last one holds.

    `hidden`: to its author alone; `limited`: only to who follows its author, or asks for it; `label`: empty for none.
    """

    tweet_id: int
    author_id: int
    hidden: bool
    label: str = ""
    limited: bool = False
    case_id: int = 0


class TopicCount(msgspec.Struct, frozen=True):
    """What an account added to the counts of a topic in a place, in the hour or on the day that began then."""

    topic: str
    place: int
    length_ms: int
    began_ms: int
    uses: int
    authors: int


class TopicsWithdrawn(Event, frozen=True):
    """What the account added to the counts of topics is taken away again: it is being erased.

    The last that the account says on this topic; said where there is nothing to be taken away, too.
    """

    author_id: int
    topics: list[TopicCount] = []
    sealed: bytes = b""
