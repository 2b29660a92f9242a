"""What the callers of tweet commands are told, and send."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from commands.fields import Id, SentId, Time
from commands.media.answer import ShownAnswer

MAX_CONTENT_CHARS = 65_536  # a longer one is no text at all; 281 … are told text_too_long
MAX_MEDIA = 4

Content = Annotated[
    str,
    msgspec.Meta(
        max_length=MAX_CONTENT_CHARS, description="1 to 280 code points after NFC; none are needed with media."
    ),
]
MediaIds = Annotated[list[SentId], msgspec.Meta(max_length=MAX_MEDIA)]
Count = Annotated[int, msgspec.Meta(ge=0)]


class PostTweetBody(msgspec.Struct, forbid_unknown_fields=True):
    """A new tweet; `user_id`, where given, must be the token's subject."""

    content: Content
    media_ids: MediaIds = []
    reply_to_tweet_id: SentId | None = None
    quoted_tweet_id: SentId | None = None
    user_id: SentId | None = None


class PostReplyBody(msgspec.Struct, forbid_unknown_fields=True):
    """A new reply; `user_id`, where given, must be the token's subject."""

    content: Content
    media_ids: MediaIds = []
    user_id: SentId | None = None


class MentionAnswer(msgspec.Struct):
    """An account that a tweet names."""

    user_id: Id
    username: str


class TweetAnswer(msgspec.Struct, kw_only=True):
    """A tweet as it was posted."""

    tweet_id: Id
    user_id: Id
    content: str
    created_at: Time
    type: Literal["TWEET", "REPLY", "QUOTE_TWEET"]
    conversation_id: Id
    reply_to_tweet_id: Id | None
    parent_tweet_id: Id | None
    quoted_tweet_id: Id | None
    hashtags: tuple[str, ...]
    mentions: list[MentionAnswer]
    urls: tuple[str, ...]
    media: list[ShownAnswer] = []
    likes_count: Count = 0
    retweets_count: Count = 0
    replies_count: Count = 0
    quotes_count: Count = 0


class DeletedAnswer(msgspec.Struct):
    """The tweet is gone."""

    tweet_id: Id
    status: Literal["deleted"] = "deleted"


class RetweetAnswer(msgspec.Struct):
    """Whether the account now retweets the tweet (a retweet's original), and by which tweet."""

    tweet_id: Id
    retweeted: bool
    retweets_count: Count
    retweet_id: Id | None
