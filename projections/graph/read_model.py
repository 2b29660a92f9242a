"""What may be read about the graph: shapes and the reader's port."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from infra.projections import ProjectionReader

if TYPE_CHECKING:
    from collections.abc import Collection

PROJECTION = "graph"
TOPICS = ("follows",)


class Edge(NamedTuple):
    """One account in a list, and since when (unix milliseconds): also the key that the next page begins below."""

    at_ms: int
    user_id: int


class FollowCounts(NamedTuple):
    """How many follow an account, and how many it follows."""

    followers: int
    following: int


class Relation(NamedTuple):
    """How the viewer and another account stand to each other."""

    following: bool
    followed_by: bool
    blocking: bool
    blocked_by: bool
    muting: bool


class Hidden(NamedTuple):
    """Whose tweets a viewer does not see: blocked either way, and muted."""

    blocked: frozenset[int]
    muted: frozenset[int]


class Aversions(NamedTuple):
    """Why a viewer does not see somebody's tweets, each way by itself: what is taken back leaves the others."""

    blocking: frozenset[int]
    blocked_by: frozenset[int]
    muting: frozenset[int]


class GraphReader(ProjectionReader, Protocol):
    """Relations and lists; lists are newest first, below `before` (exclusive; None: from the newest)."""

    def followers(self, user_id: int, before: Edge | None, limit: int) -> list[Edge]:
        """Return who follows the account."""

    def following(self, user_id: int, before: Edge | None, limit: int) -> list[Edge]:
        """Return whom the account follows."""

    def counts(self, user_ids: Collection[int]) -> dict[int, FollowCounts]:
        """Return the counts of each account; an account without any may be absent."""

    def relation(self, viewer_id: int, target_id: int) -> Relation:
        """Return how the two stand to each other."""

    def followed(self, viewer_id: int, target_ids: Collection[int]) -> set[int]:
        """Return those of the accounts whom the viewer follows."""

    def hidden(self, viewer_id: int) -> Hidden:
        """Return whose tweets the viewer does not see."""

    def aversions(self, viewer_id: int) -> Aversions:
        """Return the same with its reasons."""
