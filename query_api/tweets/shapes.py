"""The shapes of tweets and pages of tweets, for the OpenAPI document."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - pydantic reads the annotation
from typing import Literal
from uuid import UUID  # noqa: TC003

from query_api.media.shapes import Media  # noqa: TC001 - pydantic reads the annotation
from query_api.openapi import Shape


class Author(Shape):
    """An account as it stands in tweets; names are empty for the moment in which the account is not projected yet."""

    user_id: UUID
    username: str
    display_name: str
    verified: bool
    profile_image_url: str


class MentionedUser(Shape):
    """An account named in a tweet, as the name was written."""

    user_id: UUID
    username: str


class Score(Shape):
    """The unweighted parts of a ranking's score, and the total that it ranks by."""

    recency: float
    engagement: float
    relevance: float
    media: float
    total: float


class Moderation(Shape):
    """What moderators decided about a tweet: `hidden` from all but its author; its `label`, or null."""

    hidden: bool
    label: str | None


class TweetAlone(Shape):
    """A tweet without what it refers to; `moderation` is there where moderators decided something that shows."""

    tweet_id: UUID
    user_id: UUID
    type: Literal["TWEET", "REPLY", "RETWEET", "QUOTE_TWEET"]
    content: str
    created_at: datetime
    conversation_id: UUID
    reply_to_tweet_id: UUID | None
    quoted_tweet_id: UUID | None
    retweeted_tweet_id: UUID | None
    hashtags: list[str]
    mentions: list[MentionedUser]
    urls: list[str]
    media: list[Media]
    user: Author
    likes_count: int
    retweets_count: int
    replies_count: int
    quotes_count: int
    liked: bool
    retweeted: bool
    bookmarked: bool
    moderation: Moderation | None = None


class Tweet(TweetAlone):
    """A tweet. A retweet carries its original, and the original's counts and flags; a quote what it quotes, one deep.

    `quoted_tweet` is null where the quoted tweet is gone or hidden from the viewer.
    """

    retweeted_tweet: Tweet | None
    quoted_tweet: TweetAlone | None


class ScoredTweet(Tweet):
    """A tweet; `score` is there with `ranking` other than latest and `explain=true`."""

    score: Score | None = None


class TweetPage(Shape):
    """A page of tweets; `next_max_id` is null at the end."""

    tweets: list[Tweet]
    next_max_id: UUID | None
    has_more: bool


class TimelinePage(Shape):
    """A page of a home timeline."""

    tweets: list[ScoredTweet]
    next_max_id: UUID | None
    has_more: bool


class ReplyPage(Shape):
    """A page of replies, newest first."""

    replies: list[Tweet]
    next_max_id: UUID | None
    has_more: bool


class Thread(Shape):
    """A tweet with what it answers (the root first, as far up as it stands) and a page of its replies."""

    ancestors: list[Tweet]
    tweet: Tweet
    replies: list[Tweet]
    next_max_id: UUID | None
    has_more: bool


class BookmarkPage(Shape):
    """A page of the tweets that the viewer keeps, the newest bookmark first."""

    tweets: list[Tweet]
    next_cursor: str | None
    has_more: bool
