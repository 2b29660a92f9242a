"""Requests about likes and bookmarks, as data."""

from __future__ import annotations

from typing import NamedTuple


class Engage(NamedTuple):
    """Like or bookmark a tweet, or take that back."""

    user_id: int
    tweet_id: int
