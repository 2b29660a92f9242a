"""The shapes of accounts and pages of accounts, for the OpenAPI document."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - pydantic reads the annotation
from uuid import UUID  # noqa: TC003

from query_api.openapi import Shape
from query_api.tweets.shapes import Author


class Relation(Shape):
    """How the viewer and the account stand to each other."""

    following: bool
    followed_by: bool
    blocking: bool
    blocked_by: bool
    muting: bool


class Profile(Shape):
    """An account; `relation` is null where nobody is signed in and for the viewer's own."""

    user_id: UUID
    username: str
    display_name: str
    bio: str
    location: str
    profile_image_url: str
    banner_image_url: str
    verified: bool
    status: str
    created_at: datetime
    followers_count: int
    following_count: int
    tweets_count: int
    relation: Relation | None


class Follow(Author):
    """An account in a list of follows."""

    followed_at: datetime


class Liker(Author):
    """An account that likes a tweet."""

    liked_at: datetime


class Retweeter(Author):
    """An account that retweeted a tweet."""

    retweeted_at: datetime


class FollowersPage(Shape):
    """A page of followers, the newest first; `next_cursor` is null at the end."""

    followers: list[Follow]
    next_cursor: str | None
    has_more: bool


class FollowingPage(Shape):
    """A page of the accounts that one follows, the newest first."""

    following: list[Follow]
    next_cursor: str | None
    has_more: bool


class LikersPage(Shape):
    """A page of the accounts that like a tweet, the newest first."""

    users: list[Liker]
    next_cursor: str | None
    has_more: bool


class RetweetersPage(Shape):
    """A page of the accounts that retweeted a tweet, the newest first."""

    users: list[Retweeter]
    next_cursor: str | None
    has_more: bool
