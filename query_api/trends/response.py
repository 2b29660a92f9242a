"""Present: trends as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from infra.clock import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from infra.places import Place
    from projections.trends.read_model import Point, Volume
    from query_api.trends.rules import Trend


def trends(place: Place, as_of_ms: int, found: Sequence[Trend]) -> bytes:
    """Return what trends in a place."""
    shown = {
        "woeid": place.woeid,
        "place": place.name,
        "as_of": rfc3339(as_of_ms),
        "trends": [_trend(trend) for trend in found],
    }
    return orjson.dumps(shown)


def _trend(trend: Trend) -> dict[str, Any]:
    return {
        "name": trend.topic,
        "url": f"/api/v1/search/tweets?q={quote('#' + trend.topic)}",
        "tweet_volume": trend.uses,
        "authors": trend.authors,
        "expected": trend.score.expected,
        "velocity": round(trend.authors / trend.score.expected, 3),
        "score": round(trend.score.score, 6),
        "rank_change": trend.rank_change,
    }


def day(of: date, volumes: Iterable[Volume]) -> bytes:
    """Return the topics of a day."""
    found = [{"name": topic, "tweet_volume": uses, "authors": authors} for topic, uses, authors in volumes]
    return orjson.dumps({"day": of.isoformat(), "trends": found})


def history(topic: str, points: Iterable[Point]) -> bytes:
    """Return a topic over time."""
    shown = [{"at": rfc3339(at_ms), "tweet_volume": uses, "authors": authors} for at_ms, uses, authors in points]
    return orjson.dumps({"name": topic, "points": shown})


def places(known: Iterable[Place]) -> bytes:
    """Return all places."""
    return orjson.dumps({"places": [place._asdict() for place in known]})
