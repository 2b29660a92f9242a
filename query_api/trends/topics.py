"""What is known of one topic: over time, within the last hour, and its best tweets."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from projections.trends.read_model import DAY_MS, HOUR_MS, USES_KEPT_MS, day_of
from query_api.home_timeline import ranking as rankings
from query_api.home_timeline.rules import candidates
from query_api.trends import rules
from query_api.trends.board import SHOWN_HOURS
from query_api.trends.score import score
from query_api.tweets.hydrate import details
from query_api.tweets.response import tweet_objects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.settings import Settings
    from projections.trends.read_model import TrendsReader
    from query_api.reading import Reading
    from query_api.trends.board import Board, Judge
    from query_api.trends.rules import Judged, Trend

NEWEST = 200
"""Tweets of a topic that the best are chosen from."""


class Now(NamedTuple):
    """A topic within the last hour: its rank (None: below those that are ranked), and its last hours' authors."""

    rank: int | None
    trend: Trend
    hours: Sequence[int]


def by_hours(reader: TrendsReader, place: int, topic: str, judge: Judge, until_ms: int, hours: int) -> list[Judged]:
    """Return the hours, whole by the clock, up to the one that `until_ms` is in or that ends then."""
    end_ms = -(-until_ms // HOUR_MS) * HOUR_MS
    since_ms = end_ms - hours * HOUR_MS
    points = reader.hours(place, [topic], since_ms - judge.by_hours.windows * HOUR_MS, end_ms).get(topic, [])
    return rules.judged(points, since_ms, HOUR_MS, judge.by_hours)


def by_days(reader: TrendsReader, place: int, topic: str, judge: Judge, until_ms: int, days: int) -> list[Judged]:
    """Return the days up to the one that `until_ms` is on or that ends then."""
    end_ms = -(-until_ms // DAY_MS) * DAY_MS
    since_ms = end_ms - days * DAY_MS
    points = reader.days(place, [topic], since_ms - judge.by_days.windows * DAY_MS, end_ms).get(topic, [])
    return rules.judged(points, since_ms, DAY_MS, judge.by_days)


def of_day(reader: TrendsReader, place: int, day_ms: int, judge: Judge, limit: int) -> list[Trend]:
    """Return the most surprising topics of a day, of those with the most authors."""
    past = judge.by_days

    def expect(topics: Sequence[str]) -> dict[str, float]:
        points = reader.days(place, topics, day_ms - past.windows * DAY_MS, day_ms)
        return rules.expectations(points, topics, day_ms, DAY_MS, past)

    volumes = rules.candidates(partial(reader.top_of_day, place, day_of(day_ms), "authors"))
    return rules.ranked(volumes, expect, past.minimum, judge.denied)[:limit]


def now(reader: TrendsReader, place: int, topic: str, board: Board, judge: Judge) -> Now | None:
    """Return a topic within the last hour, or None where nobody talks about it."""
    for rank, trend in enumerate(board.trends, 1):
        if trend.topic == topic:
            return Now(rank, trend, board.hours.get(topic, ()))
    past, began_ms = judge.by_hours, rules.window_of(board.as_of_ms)
    points = reader.hours(place, [topic], began_ms - past.windows * HOUR_MS, began_ms + 1)
    last = [point for point in points.get(topic, ()) if point.at_ms == began_ms]
    if not last:
        return None
    usual = rules.expectations(points, [topic], began_ms, HOUR_MS, past)[topic]
    hours = rules.line(points[topic], began_ms - (SHOWN_HOURS - 1) * HOUR_MS, SHOWN_HOURS)
    return Now(None, rules.Trend(topic, last[0].uses, last[0].authors, score(last[0].authors, usual)), hours)


def best_tweets(reading: Reading, topic: str, limit: int) -> list[bytes]:
    """Return the best of a topic's newest tweets that the viewer may see, as JSON objects with commas between them."""
    readers, now_ms = reading.readers, reading.services.clock.now_ms()
    newest = readers.trends.tweets(topic, now_ms - USES_KEPT_MS, NEWEST)
    items = [item for _, item in reading.show(reading.hidden(), newest, readers.hydrate_tweets.load(newest))]
    hydrated = details(items, reading.viewer_id, readers)
    known = candidates(items, hydrated.counts, {})
    best = rankings.rank("top", known, now_ms, _weights(reading.services.settings))[:limit]
    by_id = {item.tweet.tweet_id: item for item in items}
    return tweet_objects([by_id[tweet_id] for tweet_id, _ in best], hydrated)


def _weights(settings: Settings) -> rankings.Weights:
    """Return the weights of the home timeline's ranking; everybody is told the same, so nothing is relevant to one."""
    return rankings.Weights(settings.ranking_recency, settings.ranking_engagement, 0.0, settings.ranking_media)
