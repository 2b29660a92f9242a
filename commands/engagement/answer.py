"""What the callers of engagement commands are told."""

from __future__ import annotations

from typing import Annotated

import msgspec

from commands.fields import Id


class LikeAnswer(msgspec.Struct):
    """Whether the account now likes the tweet (a retweet's original)."""

    tweet_id: Id
    liked: bool
    likes_count: Annotated[int, msgspec.Meta(ge=0)]


class BookmarkAnswer(msgspec.Struct):
    """Whether the account now keeps the tweet (a retweet's original)."""

    tweet_id: Id
    bookmarked: bool
