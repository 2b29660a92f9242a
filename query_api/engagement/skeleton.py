"""Skeleton: who liked or retweeted a tweet, the newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from projections.engagement.read_model import Mark
from query_api.users.rules import Listed

if TYPE_CHECKING:
    from collections.abc import Callable


def marks(
    read: Callable[[int, Mark | None, int], list[Mark]], tweet_id: int
) -> Callable[[Listed | None, int], list[Listed]]:
    """Return what reads a list of a tweet's below a row."""

    def below(before: Listed | None, limit: int) -> list[Listed]:
        return [Listed._make(mark) for mark in read(tweet_id, before and Mark._make(before), limit)]

    return below
