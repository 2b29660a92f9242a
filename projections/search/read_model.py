"""What may be searched: the tree of a query, and the reader's port."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from infra.projections import ProjectionReader
from schemas.ids import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

PROJECTION = "search"
TOPICS = ("accounts", "tweets")


class Phrase(NamedTuple):
    """These words beside one another; a single word is a phrase of one. Words are cut by projections.search.words."""

    words: tuple[str, ...]


class Tagged(NamedTuple):
    """The hashtag as projections.search.words.tag gives it."""

    tag: str


class Mentions(NamedTuple):
    """An account is named: its id."""

    user_id: int


class By(NamedTuple):
    """The author."""

    user_id: int


class To(NamedTuple):
    """A reply to this account."""

    user_id: int


class HasMedia(NamedTuple):
    """An image or a video is attached."""


Atom = Phrase | Tagged | Mentions | By | To | HasMedia


class Criteria(NamedTuple):
    """What a tweet must and must not be; `since_id` ≤ id < `until_id` says when, because ids are ordered by time."""

    required: tuple[Atom, ...] = ()
    excluded: tuple[Atom, ...] = ()
    since_id: int = 0
    until_id: int = MAX_ID


class SearchReader(ProjectionReader, Protocol):
    """Ids of what matches; retweets are not searched, their originals are."""

    def tweets(self, criteria: Criteria, max_id: int | None, limit: int) -> list[int]:
        """Return tweets that stand, newest first, below `max_id` (exclusive; None: from the newest)."""

    def people(self, prefixes: Sequence[str], limit: int) -> list[int]:
        """Return accounts of whose user and display names some word begins with each of the prefixes, by id."""
