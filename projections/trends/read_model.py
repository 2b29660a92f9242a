"""What may be read about topics: how much they were used, by how many, when and where; and the reader's port.

A topic is a hashtag in lower case; a tweet counts once for each of its own, at its own time, in its author's place at
that time and in all that this is part of (infra.places). Counts are exact but for the bounds below, which both
profiles keep: they follow from each log partition's records alone, so live, replayed and on any store they are alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from infra.projections import ProjectionReader

if TYPE_CHECKING:
    from collections.abc import Collection

PROJECTION = "trends"
TOPICS = ("tweets",)

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
STEP_MS = HOUR_MS // 4
"""Hours are counted from every quarter of an hour on: each use counts in the four hours that hold it."""

USES_KEPT_MS = 2 * DAY_MS
USES_KEPT_RECORDS = 100_000
"""A use is recognised (its tweet, should it be said again, and its author) until its log partition is two days and so
many records on: an import on servers that was killed may say some 20,000 records again, of any time."""
TOPICS_A_DAY = 1_000
"""Different topics that one account's tweets count for on a day, UTC: it bounds what an account can add to the state,
whatever it posts. (In a quarter of a year of a troll factory, the most on a day is 478.)"""
USES_A_DAY = 2_400
"""Uses of one account that count on a day: a topic in each of the tweets that it may post."""
LEAST_AUTHORS = 2
"""Distinct authors that a topic needs to be in the running: what one account says alone crowds out nobody."""
HOURS_KEPT_MS = 30 * DAY_MS
DAYS_KEPT_MS = 800 * DAY_MS
"""How long counts are known after the day's last use was counted, at least."""

Order = Literal["uses", "authors"]


class Volume(NamedTuple):
    """A topic within a span of time: tweets that use it, and their distinct authors."""

    topic: str
    uses: int
    authors: int


class Point(NamedTuple):
    """A topic within one hour or day, which begins at `at_ms` (unix milliseconds)."""

    at_ms: int
    uses: int
    authors: int


class TrendsReader(ProjectionReader, Protocol):
    """Volumes of topics."""

    def window(self, place: int, began_ms: int, limit: int) -> list[Volume]:
        """Return the topics with the most authors, LEAST_AUTHORS at least, then uses, then by name.

        The window is the hour that began at `began_ms`, a multiple of STEP_MS.
        """

    def hours(self, place: int, topics: Collection[str], since_ms: int, until_ms: int) -> dict[str, list[Point]]:
        """Return, oldest first, the hours that begin at `since_ms`, a multiple of STEP_MS, and every hour after it.

        Only those that begin before `until_ms`, and in which the topic was used.
        """

    def days(self, place: int, topics: Collection[str], since_ms: int, until_ms: int) -> dict[str, list[Point]]:
        """Return, oldest first, the days (UTC) in [since, until) on which a topic was used."""

    def top_of_day(self, place: int, day_ms: int, order: Order, limit: int) -> list[Volume]:
        """Return the topics of the day that begins at `day_ms`, most uses or most authors first, then by name."""

    def tweets(self, topic: str, since_ms: int, limit: int) -> list[int]:
        """Return the newest tweets that use a topic and are not older than `since_ms`, two days at most."""


def quarter(at_ms: int) -> int:
    """Return when the quarter of an hour began that a time is in."""
    return at_ms - at_ms % STEP_MS


def day_of(at_ms: int) -> int:
    """Return when the day, UTC, began that a time is on."""
    return at_ms - at_ms % DAY_MS
