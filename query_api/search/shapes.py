"""The shapes of what was found, for the OpenAPI document."""

from __future__ import annotations

from query_api.openapi import Shape
from query_api.tweets.shapes import Author


class FoundUser(Author):
    """An account that was found."""

    followers_count: int


class FoundUsers(Shape):
    """Accounts whose names match, best first."""

    users: list[FoundUser]
