"""What may be read about spam: which accounts reached a score, when, and the parts of the last high one.

A score is of an account at a tweet, between 0 and 1. It is kept for every tenth when it was reached last, so that a
threshold can be moved without a rebuild. Nothing here hides anything: readers limit the reach of who is above the
threshold, for QUARANTINE_MS from the last time, or until a moderator decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from infra.projections import ProjectionReader

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

PROJECTION = "spam"
TOPICS = ("tweets",)

QUARANTINE_MS = 7 * 86_400_000
FLOOR = 3
"""Tenths below which nothing is kept of an account but what it posted last."""
TENTHS = 10
MOST_FLAGGED = 10_000
"""Accounts that are read as flagged, the last ones."""


class Flagged(NamedTuple):
    """An account above a threshold: when last (event time), its last score of FLOOR or more, and the parts of that."""

    user_id: int
    at_ms: int
    score: float
    parts: Mapping[str, float]


class SpamReader(ProjectionReader, Protocol):
    """Which accounts look like spam."""

    def flagged(self, tenths: int, since_ms: int) -> dict[int, int]:
        """Return the accounts that reached so many tenths since a time, and when last; MOST_FLAGGED at most."""

    def seen(self, user_ids: Collection[int]) -> dict[int, int]:
        """Return how many tweets of each account were looked at; absent: none."""

    def many(self, user_ids: Collection[int], tenths: int) -> dict[int, Flagged]:
        """Return those of the accounts that ever reached so many tenths."""
