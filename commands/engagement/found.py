"""What likes and bookmarks must know before they are decided, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from commands.tweets.found import Reference


class EngageFound(NamedTuple):
    """The tweet, and how the account stands to it; `certain` unless the read model has fallen behind."""

    reference: Reference
    liked: bool
    bookmarked: bool
    likes_count: int
    certain: bool = True
