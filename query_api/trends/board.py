"""What trends now, place by place, kept for some seconds: everybody who asks in between is told the same.

What a topic's past lets expect, and the ranks that moves are told against, are worked out once a quarter of an hour:
the hours that they are about are over, and change only by tweets that come late. The memory is bounded, whatever is
posted: PLACES_KEPT boards, of each two times MOST topics and EXPECTED_KEPT numbers at most.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from projections.trends.read_model import HOUR_MS
from query_api.trends import rules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from projections.moderation.read_model import ModerationReader
    from projections.trends.read_model import TrendsReader
    from query_api.trends.rules import Trend
    from query_api.trends.score import Past

KEPT_MS = 5_000
DENIED_KEPT_MS = 500
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

    def without(self, denied: frozenset[str]) -> Board:
        """Return the board less what moderators have denied."""
        if denied.isdisjoint(trend.topic for trend in self.trends):
            return self
        return self._replace(trends=[trend for trend in self.trends if trend.topic not in denied])


class _Quarter(NamedTuple):
    """What is worked out once a quarter: the ranks of the hour that ended with the last one, and what is expected."""

    began_ms: int
    earlier: Sequence[Trend]
    expected: dict[str, float]


class Boards:
    """The boards of all places that were asked for lately, of the generation that is read."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self._reader: TrendsReader | None = None
        self._boards = _BoardsOfReader(judge)
        self._denied: frozenset[str] = frozenset()
        self._denied_at_ms = -DENIED_KEPT_MS

    def shown(self, trends: TrendsReader, moderation: ModerationReader, place: int, now_ms: int) -> Board:
        """Return the board of a place less what moderators have denied, which is heard of within DENIED_KEPT_MS."""
        board = self.of(trends, place, now_ms)
        if not 0 <= now_ms - self._denied_at_ms < DENIED_KEPT_MS:
            self._denied_at_ms, self._denied = now_ms, moderation.denied()
        return board.without(self._denied)

    def of(self, reader: TrendsReader, place: int, now_ms: int) -> Board:
        """Return the board of a place, KEPT_MS old at most, unless it is being made anew by somebody else."""
        if reader is not self._reader:  # of another generation: a request in hand goes on with the boards before
            self._reader, self._boards = reader, _BoardsOfReader(self.judge)
        return self._boards.of(reader, place, now_ms)


class _BoardsOfReader:
    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self._kept: dict[int, Board] = {}
        self._making: set[int] = set()
        self._past: dict[int, _Quarter] = {}

    def of(self, reader: TrendsReader, place: int, now_ms: int) -> Board:
        kept = self._kept.get(place)
        if kept is not None and (0 <= now_ms - kept.as_of_ms < KEPT_MS or place in self._making):
            return kept
        if kept is None and len(self._kept) >= PLACES_KEPT:
            self._kept, self._past = {}, {}
        self._making.add(place)
        try:
            board = self._kept[place] = self._made(reader, place, now_ms)
        finally:
            self._making.discard(place)
        return board

    def _made(self, reader: TrendsReader, place: int, now_ms: int) -> Board:
        began_ms = rules.window_of(now_ms)
        past = self._past.get(place)
        if past is None or past.began_ms != began_ms:
            earlier = self._ranked(reader, place, began_ms - rules.MOVED_SINCE_MS, {})
            past = self._past[place] = _Quarter(began_ms, earlier, {})
        trends = self._ranked(reader, place, began_ms, past.expected)
        since_ms = began_ms - (SHOWN_HOURS - 1) * HOUR_MS
        points = reader.hours(place, [trend.topic for trend in trends], since_ms, began_ms + 1)
        hours = {topic: rules.line(found, since_ms, SHOWN_HOURS) for topic, found in points.items()}
        return Board(now_ms, rules.moved(trends, past.earlier), hours)

    def _ranked(self, reader: TrendsReader, place: int, began_ms: int, known: dict[str, float]) -> list[Trend]:
        past = self.judge.by_hours

        def expect(topics: Sequence[str]) -> Mapping[str, float]:
            if missing := [topic for topic in topics if topic not in known]:
                if len(known) + len(missing) > EXPECTED_KEPT:
                    known.clear()
                    missing = list(topics)
                points = reader.hours(place, missing, began_ms - past.windows * HOUR_MS, began_ms)
                known.update(rules.expectations(points, missing, began_ms, HOUR_MS, past))
            return known

        volumes = rules.candidates(partial(reader.window, place, began_ms))
        return rules.ranked(volumes, expect, past.minimum, self.judge.denied)
