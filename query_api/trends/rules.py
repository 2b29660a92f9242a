"""Rules: which topics trend, in which order, and how they moved. Pure."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from projections.trends.read_model import HOUR_MS, STEP_MS, quarter
from query_api.trends.score import Past, Score, expected, score

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from projections.trends.read_model import Point, Volume

MOVED_SINCE_MS = STEP_MS
"""Ranks are compared with those of the hour that ended when this quarter began."""
CANDIDATES = 500
"""Topics with the most authors of a window that are looked at, at most."""
CHUNK = 50
"""How many of them at a time."""
FEW = 2 * CHUNK
"""As a rule so many are enough, and no more are read."""
MOST = 50
"""Ranks that are given; a topic below them did not trend."""


class Trend(NamedTuple):
    """A topic that trends; `rank_change` counts places gained since (None: it did not trend then)."""

    topic: str
    uses: int
    authors: int
    score: Score
    rank_change: int | None = None


def window_of(now_ms: int) -> int:
    """Return when the hour began that is looked at now: this quarter of an hour, and the three before it."""
    return quarter(now_ms) - HOUR_MS + STEP_MS


def back(points: Iterable[Point], began_ms: int, length_ms: int) -> dict[int, int]:
    """Return the authors of spans by how many spans before `began_ms` they began: 1 is the newest."""
    return {(began_ms - point.at_ms) // length_ms: point.authors for point in points if point.at_ms < began_ms}


def line(points: Iterable[Point], since_ms: int, hours: int) -> list[int]:
    """Return the authors of so many hours from `since_ms` on, 0 where there is no point."""
    authors = [0] * hours
    for at_ms, _, many in points:
        authors[(at_ms - since_ms) // HOUR_MS] = many
    return authors


def candidates(read: Callable[[int], Sequence[Volume]]) -> Iterator[Volume]:
    """Yield the topics with the most authors, most first; `read` returns so many, and is asked for few first."""
    few = read(FEW)
    yield from few
    if len(few) == FEW:
        seen = {volume.topic for volume in few}
        yield from (volume for volume in read(CANDIDATES) if volume.topic not in seen)


def ranked(
    volumes: Iterable[Volume],
    expect: Callable[[Sequence[str]], Mapping[str, float]],
    minimum: float,
    denied: Collection[str] = (),
) -> list[Trend]:
    """Return the most surprising topics, MOST of them, of those that surprise.

    `volumes` come most authors first; `expect` tells what the past lets expect of topics, the minimum at least. Topics
    are looked at CHUNK at a time, and no more of them when none that is left could be among the MOST: the score of n
    authors is (n - minimum)² / minimum at the utmost.
    """
    trends: list[Trend] = []
    allowed = (volume for volume in volumes if volume.topic not in denied)
    while chunk := list(islice(allowed, CHUNK)):
        best = score(chunk[0].authors, minimum).score
        if not best or (len(trends) == MOST and best < trends[-1].score.score):
            break
        usual = expect([volume.topic for volume in chunk])
        trends += [
            Trend(topic, uses, authors, score(authors, usual[topic]))
            for topic, uses, authors in chunk
            if authors > usual[topic]
        ]
        trends = sorted(trends, key=lambda it: (-it.score.score, -it.authors, it.topic))[:MOST]
    return trends


def moved(trends: Sequence[Trend], earlier: Sequence[Trend]) -> list[Trend]:
    """Return the trends, each with the places that it gained since."""
    ranks = {trend.topic: rank for rank, trend in enumerate(earlier)}
    return [
        trend._replace(rank_change=ranks[trend.topic] - rank if trend.topic in ranks else None)
        for rank, trend in enumerate(trends)
    ]


def expectations(
    points: Mapping[str, Sequence[Point]], topics: Iterable[str], began_ms: int, length_ms: int, past: Past
) -> dict[str, float]:
    """Return what the past lets expect of each topic in the span that began then."""
    return {topic: expected(back(points.get(topic, ()), began_ms, length_ms), past) for topic in topics}


class Judged(NamedTuple):
    """A point of a topic's history with the parts of its score."""

    point: Point
    score: Score


def judged(points: Sequence[Point], since_ms: int, length_ms: int, past: Past) -> list[Judged]:
    """Return the points from `since_ms` on, each held against those before it."""
    return [
        Judged(point, score(point.authors, expected(back(points, point.at_ms, length_ms), past)))
        for point in points
        if point.at_ms >= since_ms
    ]
