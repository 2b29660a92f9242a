"""What may be read about tweets: shapes and the reader's port."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from infra.projections import ProjectionReader

if TYPE_CHECKING:
    from collections.abc import Collection

PROJECTION = "tweets"
TOPICS = ("tweets",)


class Kind(enum.IntEnum):
    """A tweet's type; a reply that also quotes is a REPLY."""

    TWEET = 0
    REPLY = 1
    RETWEET = 2
    QUOTE_TWEET = 3


class Tweet(NamedTuple):
    """A tweet that stands. What does not apply is 0.

    `body` holds the members of its JSON object that never change, without the braces, UTF-8: `"tweet_id":"…",
    "user_id":"…","type":"TWEET","content":"…","created_at":"…","conversation_id":"…","reply_to_tweet_id":null,
    "quoted_tweet_id":null,"retweeted_tweet_id":null,"hashtags":[…],"mentions":[{"user_id":…,"username":…}],
    "urls":[…],"media":[]` (ids as UUIDs, times RFC 3339 with milliseconds and Z).
    """

    tweet_id: int
    author_id: int
    kind: int
    conversation_id: int
    parent_id: int
    parent_author_id: int
    original_id: int
    original_author_id: int
    quoted_id: int
    body: bytes
    hidden: bool = False
    label: str = ""
    limited: bool = False


class TweetsReader(ProjectionReader, Protocol):
    """Tweets by id, and lists of ids, newest first, below `max_id` (exclusive; None: from the newest)."""

    def many(self, tweet_ids: Collection[int]) -> dict[int, Tweet]:
        """Return the tweets that stand among the ids."""

    def by_author(self, author_id: int, max_id: int | None, limit: int) -> list[int]:
        """Return an author's tweets, replies, quotes and retweets."""

    def replies(self, parent_id: int, max_id: int | None, limit: int) -> list[int]:
        """Return the direct replies to a tweet."""

    def quotes(self, quoted_id: int, max_id: int | None, limit: int) -> list[int]:
        """Return the tweets that quote a tweet."""

    def conversation(self, conversation_id: int, max_id: int | None, limit: int) -> list[int]:
        """Return the replies, at any depth, of a conversation (without its root)."""

    def counts_by_author(self, author_ids: Collection[int]) -> dict[int, int]:
        """Return how many tweets of each author stand (all kinds); an author without any may be absent."""

    def removed(self) -> list[int]:
        """Return the ids of the tweets that were deleted or moderated since the last call: caches drop them."""
