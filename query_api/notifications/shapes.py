"""The shapes of notifications, for the OpenAPI document."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - pydantic reads the annotation
from typing import Literal

from query_api.openapi import Shape
from query_api.tweets.shapes import Author, Tweet  # noqa: TC001 - pydantic reads the annotations


class Notification(Shape):
    """What one or several accounts did on one day (UTC) that concerns the viewer.

    `tweet` is the viewer's that was liked or retweeted, or the one that replies, quotes or mentions; null for follows.
    `actors` are the newest few, `actors_count` counts up to 100 (`actors_more`: there may be others); `created_at` is
    when the newest of them did it. `notification_id` names the group for as long as it lasts.
    """

    notification_id: str
    kind: Literal["mention", "reply", "quote", "like", "retweet", "follow"]
    tweet: Tweet | None
    actors: list[Author]
    actors_count: int
    actors_more: bool
    created_at: datetime
    read: bool


class NotificationPage(Shape):
    """A page of notifications, newest first."""

    notifications: list[Notification]
    next_cursor: str | None
    has_more: bool


class UnreadCount(Shape):
    """How many notifications are not read: up to 99, then `more` is true."""

    unread_count: int
    more: bool


class Kinds(Shape):
    """Which kinds are wanted."""

    mention: bool
    reply: bool
    quote: bool
    like: bool
    retweet: bool
    follow: bool


class Preferences(Shape):
    """Which kinds are wanted, and up to when notifications are read (null: none is)."""

    kinds: Kinds
    read_up_to: datetime | None
