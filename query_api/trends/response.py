"""Present: trends as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from infra.clock import rfc3339
from query_api.trends.score import DECIMALS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from infra.places import Place
    from projections.trends.read_model import Volume
    from query_api.trends.board import Board
    from query_api.trends.rules import Judged, Trend
    from query_api.trends.score import Score
    from query_api.trends.topics import Now


def trends(place: Place, board: Board, limit: int) -> bytes:
    """Return what trends in a place."""
    found = [
        _trend(rank, trend, board.hours.get(trend.topic, ())) for rank, trend in enumerate(board.trends[:limit], 1)
    ]
    return orjson.dumps({"woeid": place.woeid, "place": place.name, "as_of": rfc3339(board.as_of_ms), "trends": found})


def _trend(rank: int | None, it: Trend, hours: Sequence[int]) -> dict[str, Any]:
    return {
        "rank": rank,
        "name": it.topic,
        "url": f"/api/v1/search/tweets?q={quote('#' + it.topic)}",
        "tweet_volume": it.uses,
        "authors": it.authors,
        **_surprise(it.score),
        "rank_change": it.rank_change,
        "hours": hours,
    }


def _surprise(of: Score) -> dict[str, float]:
    return {
        "expected": of.expected,
        "velocity": round(of.observed / of.expected, DECIMALS),
        "score": round(of.score, DECIMALS),
    }


def day(of: date, volumes: Iterable[Volume]) -> bytes:
    """Return the topics of a day."""
    found = [{"name": topic, "tweet_volume": uses, "authors": authors} for topic, uses, authors in volumes]
    return orjson.dumps({"day": of.isoformat(), "trends": found})


def judged_day(of: date, found: Iterable[Trend]) -> bytes:
    """Return the topics of a day with the parts of their scores."""
    shown = [{"name": it.topic, "tweet_volume": it.uses, "authors": it.authors, **_surprise(it.score)} for it in found]
    return orjson.dumps({"day": of.isoformat(), "trends": shown})


def history(topic: str, woeid: int, step: str, points: Iterable[Judged]) -> bytes:
    """Return a topic over time."""
    shown = [
        {"at": rfc3339(at_ms), "tweet_volume": uses, "authors": authors, **_surprise(score)}
        for (at_ms, uses, authors), score in points
    ]
    return orjson.dumps({"name": topic, "woeid": woeid, "step": step, "points": shown})


def topic(name: str, place: Place, as_of_ms: int, now: Now | None, tweets: Iterable[bytes]) -> bytes:
    """Return a topic with its best tweets."""
    shown: dict[str, Any] = {"name": name, "woeid": place.woeid, "place": place.name, "as_of": rfc3339(as_of_ms)}
    shown["now"] = _trend(*now) if now else None
    return b"".join([orjson.dumps(shown)[:-1], b',"tweets":[', *tweets, b"]}"])


def places(known: Iterable[Place]) -> bytes:
    """Return all places."""
    return orjson.dumps({"places": [place._asdict() for place in known]})
