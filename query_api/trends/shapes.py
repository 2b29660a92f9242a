"""The shapes of trends, for the OpenAPI document."""

from __future__ import annotations

from datetime import date, datetime  # noqa: TC003 - pydantic reads the annotation

from query_api.openapi import Shape


class Trend(Shape):
    """A topic that more talk about than usual.

    `authors` are distinct, within the last hour; `expected` is how many its own past lets expect, `velocity` how many
    times that it is, `score` (authors - expected)² / expected. `rank_change` counts places gained within a quarter of
    an hour; null for what did not trend then.
    """

    name: str
    url: str
    tweet_volume: int
    authors: int
    expected: float
    velocity: float
    score: float
    rank_change: int | None


class Trends(Shape):
    """What trends in a place, most surprising first."""

    woeid: int
    place: str
    as_of: datetime
    trends: list[Trend]


class DayVolume(Shape):
    """A topic within one day: tweets that use it, their distinct authors."""

    name: str
    tweet_volume: int
    authors: int


class Day(Shape):
    """The topics of a day, UTC."""

    day: date
    trends: list[DayVolume]


class Point(Shape):
    """A topic within the hour (or day) that begins at `at`."""

    at: datetime
    tweet_volume: int
    authors: int


class History(Shape):
    """A topic over time, oldest first; hours or days in which it was not used are left out."""

    name: str
    points: list[Point]


class Place(Shape):
    """A place, and the larger one that it is part of."""

    woeid: int
    parent: int
    name: str
    country: str


class Places(Shape):
    """All places that trends are told apart by."""

    places: list[Place]
