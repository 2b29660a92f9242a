"""What trends now, place by place, kept for some seconds: everybody who asks in between is told the same.

What a topic's past lets expect is worked out once a quarter of an hour: the hours before the window do not change but
by tweets that come late. The memory is bounded: PLACES_KEPT boards, of each EXPECTED_KEPT numbers at most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from projections.trends.read_model import HOUR_MS
from query_api.trends import rules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from projections.trends.read_model import TrendsReader
    from query_api.trends.rules import Trend
    from query_api.trends.score import Past

KEPT_MS = 5_000
PLACES_KEPT = 64
EXPECTED_KEPT = 4 * rules.CANDIDATES
SHOWN_HOURS = 24
"""Of a topic's past on a board."""


class Judge(NamedTuple):
    """By what is judged: how the past counts, by hours and by days, and what never trends."""

    by_hours: Past
    by_days: Past
    denied: frozenset[str]


class Board(NamedTuple):
    """What trends in a place; `hours`: of each topic the authors of its last SHOWN_HOURS, oldest first."""

    as_of_ms: int
    trends: Sequence[Trend]
    hours: Mapping[str, Sequence[int]]


class Boards:
    """The boards of all places that were asked for lately."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self._kept: dict[int, Board] = {}
        self._making: set[int] = set()
        self._expected: dict[tuple[int, int], dict[str, float]] = {}

    def of(self, reader: TrendsReader, place: int, now_ms: int) -> Board:
        """Return the board of a place, KEPT_MS old at most, unless it is being made anew by somebody else."""
        kept = self._kept.get(place)
        if kept is not None and (0 <= now_ms - kept.as_of_ms < KEPT_MS or place in self._making):
            return kept
        if len(self._kept) >= PLACES_KEPT:
            self._kept, self._expected = {}, {}
        self._making.add(place)
        try:
            board = self._kept[place] = self._made(reader, place, now_ms)
        finally:
            self._making.discard(place)
        return board

    def _made(self, reader: TrendsReader, place: int, now_ms: int) -> Board:
        began_ms = rules.window_of(now_ms)
        trends = self._ranked(reader, place, began_ms)
        earlier = self._ranked(reader, place, began_ms - rules.MOVED_SINCE_MS)
        since_ms = began_ms - (SHOWN_HOURS - 1) * HOUR_MS
        points = reader.hours(place, [trend.topic for trend in trends], since_ms, began_ms + 1)
        hours = {topic: rules.line(found, since_ms, SHOWN_HOURS) for topic, found in points.items()}
        return Board(now_ms, rules.moved(trends, earlier), hours)

    def _ranked(self, reader: TrendsReader, place: int, began_ms: int) -> list[Trend]:
        past = self.judge.by_hours

        def expect(topics: Sequence[str]) -> Mapping[str, float]:
            known = self._known(place, began_ms)
            if missing := [topic for topic in topics if topic not in known]:
                points = reader.hours(place, missing, began_ms - past.windows * HOUR_MS, began_ms)
                known |= rules.expectations(points, missing, began_ms, HOUR_MS, past)
            return known

        return rules.ranked(reader.window(place, began_ms, rules.CANDIDATES), expect, past.minimum, self.judge.denied)

    def _known(self, place: int, began_ms: int) -> dict[str, float]:
        """Return what was worked out for the hour that began then, and let go of what came before the one before."""
        for old in [key for key in self._expected if key[0] == place and key[1] < began_ms - rules.MOVED_SINCE_MS]:
            del self._expected[old]
        known = self._expected.setdefault((place, began_ms), {})
        if len(known) > EXPECTED_KEPT:
            known.clear()
        return known
