"""Facts about likes and bookmarks; topic `engagements`, key: tweet_id."""

from __future__ import annotations

from schemas.envelope import Event


class _Engagement(Event, frozen=True):
    tweet_id: int
    author_id: int
    user_id: int


class Liked(_Engagement, frozen=True):
    """`user_id` likes a tweet of `author_id`."""


class Unliked(_Engagement, frozen=True):
    """`user_id` takes the like back."""


class Bookmarked(_Engagement, frozen=True):
    """`user_id` keeps the tweet, for own eyes only."""


class Unbookmarked(_Engagement, frozen=True):
    """`user_id` keeps the tweet no longer."""
