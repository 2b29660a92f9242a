"""The shapes of trends, for the OpenAPI document."""

from __future__ import annotations

from datetime import date, datetime  # noqa: TC003 - pydantic reads the annotation
from typing import Literal

from query_api.openapi import Shape
from query_api.tweets.shapes import Tweet  # noqa: TC001


class Surprise(Shape):
    """The parts of a score.

    How many authors the topic's own past lets expect, how many times that there are, and
    (authors - expected)² / expected, 0 where there are fewer than expected.
    """

    expected: float
    velocity: float
    score: float


class Trend(Surprise):
    """A topic that more talk about than usual: tweets, and distinct authors, of the last hour.

    The last hour is this quarter of an hour and the three before it. `rank_change` counts places gained since the
    quarter began; null for what did not trend then. `hours` are the authors of its last 24 hours, this one last.
    `rank` is null, in /trends/topics, for what is not among the fifty that trend.
    """

    rank: int | None
    name: str
    url: str
    tweet_volume: int
    authors: int
    rank_change: int | None
    hours: list[int]


class Trends(Shape):
    """What trends in a place, most surprising first."""

    woeid: int
    place: str
    as_of: datetime
    trends: list[Trend]


class DayVolume(Shape):
    """A topic within one day: tweets that use it, their distinct authors; with `by=score` the parts of its score."""

    name: str
    tweet_volume: int
    authors: int
    expected: float | None = None
    velocity: float | None = None
    score: float | None = None


class Day(Shape):
    """The topics of a day, UTC."""

    day: date
    trends: list[DayVolume]


class Point(Surprise):
    """A topic within the hour or day that begins at `at`, held against the week or the four weeks before it."""

    at: datetime
    tweet_volume: int
    authors: int


class History(Shape):
    """A topic over time, oldest first; hours or days in which it was not used are left out."""

    name: str
    woeid: int
    step: Literal["hour", "day"]
    points: list[Point]


class Topic(Shape):
    """A topic: what is said about it in a place within the last hour, and its tweets of two days, the best first.

    `now` is null where nobody talks about it; the tweets are those of all places.
    """

    name: str
    woeid: int
    place: str
    as_of: datetime
    now: Trend | None
    tweets: list[Tweet]


class Place(Shape):
    """A place, and the larger one that it is part of."""

    woeid: int
    parent: int
    name: str
    country: str


class Places(Shape):
    """All places that trends are told apart by."""

    places: list[Place]
