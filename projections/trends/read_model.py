"""What may be read about topics: how much they were used, by how many, when and where; and the reader's port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from infra.projections import ProjectionReader

if TYPE_CHECKING:
    from collections.abc import Collection

PROJECTION = "trends"
TOPICS = ("tweets",)

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

USES_KEPT_MS = 2 * DAY_MS
"""How long, in event time, single uses are known: whoever is counted in a day must be recognised until it is over."""
HOURS_KEPT_MS = 30 * DAY_MS
DAYS_KEPT_MS = 800 * DAY_MS

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
    """Volumes, exact; a topic is a hashtag in lower case, counted once a tweet; places as in infra.places.

    A tweet counts at its own time, in its author's place at that time and in all that this is part of. One that comes
    more than USES_KEPT_MS after a later one of the same log partition still counts, but its author may count again.
    """

    def newest_ms(self) -> int:
        """Return the time of the newest use, 0 where there is none."""

    def window(self, place: int, since_ms: int, until_ms: int, limit: int) -> list[Volume]:
        """Return the topics with the most authors in [since, until), to the minute, while single uses are kept."""

    def hours(self, place: int, topics: Collection[str], since_ms: int, until_ms: int) -> dict[str, list[Point]]:
        """Return, oldest first, the hours in [since, until) in which a topic was used."""

    def days(self, place: int, topics: Collection[str], since_ms: int, until_ms: int) -> dict[str, list[Point]]:
        """Return, oldest first, the days (UTC) in [since, until) on which a topic was used."""

    def top_of_day(self, place: int, day_ms: int, order: Order, limit: int) -> list[Volume]:
        """Return the topics of the day that begins at `day_ms`, most uses or most authors first, then by name."""

    def tweets(self, topic: str, limit: int) -> list[int]:
        """Return the newest tweets that use a topic, within USES_KEPT_MS of the newest."""
