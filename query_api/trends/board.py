"""What trends now, place by place, kept for some seconds: everybody who asks in between is told the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from projections.trends.read_model import HOUR_MS
from query_api.trends import rules

if TYPE_CHECKING:
    from collections.abc import Collection

    from projections.trends.read_model import TrendsReader
    from query_api.trends.rules import Trend
    from query_api.trends.score import Past

KEPT_MS = 5_000
PLACES_KEPT = 256


class Board(NamedTuple):
    """What trended in a place at a moment, and a quarter of an hour before."""

    as_of_ms: int
    trends: list[Trend]
    earlier: list[Trend]

    def top(self, limit: int) -> list[Trend]:
        """Return the first of them, each with the places that it gained."""
        return rules.moved(self.trends, self.earlier, limit)


class Boards:
    """The boards of all places that were asked for lately."""

    def __init__(self, past: Past, denied: Collection[str]) -> None:
        self._past = past
        self._denied = frozenset(topic.strip().lstrip("#").lower() for topic in denied)
        self._kept: dict[int, Board] = {}

    def of(self, reader: TrendsReader, place: int, now_ms: int) -> Board:
        """Return the board of a place, KEPT_MS old at most."""
        kept = self._kept.get(place)
        if kept is not None and 0 <= now_ms - kept.as_of_ms < KEPT_MS:
            return kept
        if len(self._kept) >= PLACES_KEPT:
            self._kept.clear()
        board = Board(now_ms, self._ranked(reader, place, now_ms), self._ranked(reader, place, _before(now_ms)))
        self._kept[place] = board
        return board

    def _ranked(self, reader: TrendsReader, place: int, now_ms: int) -> list[Trend]:
        began_ms = now_ms - rules.WINDOW_MS
        volumes = reader.window(place, began_ms, now_ms, rules.CANDIDATES)
        since_ms = began_ms - self._past.windows * HOUR_MS
        hours = reader.hours(place, [volume.topic for volume in volumes], since_ms, began_ms)
        return rules.ranked(volumes, hours, began_ms, self._past, self._denied)


def _before(now_ms: int) -> int:
    return now_ms - rules.MOVED_SINCE_MS
