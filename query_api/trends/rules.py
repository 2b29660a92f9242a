"""Rules: which topics trend, in which order, and how they moved. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from projections.trends.read_model import HOUR_MS
from query_api.trends.score import Past, Score, expected, score

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from projections.trends.read_model import Point, Volume

WINDOW_MS = HOUR_MS
MOVED_SINCE_MS = HOUR_MS // 4
"""Ranks are compared with those of a quarter of an hour ago."""
CANDIDATES = 500
"""Topics with the most authors of a window that are scored; one with fewer cannot have surprised many."""


class Trend(NamedTuple):
    """A topic that trends; `rank_change` counts places gained since (None: it did not trend then)."""

    topic: str
    uses: int
    authors: int
    score: Score
    rank_change: int | None = None


def windows_before(points: Sequence[Point], began_ms: int) -> dict[int, int]:
    """Return the authors of whole hours by how many windows before `began_ms` they end: 1 is the newest."""
    first = began_ms - began_ms % HOUR_MS
    return {(first - point.at_ms) // HOUR_MS: point.authors for point in points if point.at_ms < first}


def ranked(
    volumes: Sequence[Volume],
    hours: Mapping[str, Sequence[Point]],
    began_ms: int,
    past: Past,
    denied: Collection[str] = (),
) -> list[Trend]:
    """Return the topics of a window that began then, the most surprising first; only what surprises."""
    trends = []
    for topic, uses, authors in volumes:
        if topic not in denied:
            usual = expected(windows_before(hours.get(topic, ()), began_ms), past)
            trends.append(Trend(topic, uses, authors, score(authors, usual)))
    trends = [trend for trend in trends if trend.score.score > 0]
    trends.sort(key=lambda it: (-it.score.score, -it.authors, it.topic))
    return trends


def moved(trends: Sequence[Trend], earlier: Sequence[Trend], limit: int) -> list[Trend]:
    """Return the first `limit` trends, each with the places that it gained since."""
    ranks = {trend.topic: rank for rank, trend in enumerate(earlier)}
    return [
        trend._replace(rank_change=ranks[trend.topic] - rank if trend.topic in ranks else None)
        for rank, trend in enumerate(trends[:limit])
    ]
