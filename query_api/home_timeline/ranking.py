"""Ranks candidates of a home timeline (SPEC §4). Pure: time and weights are given.

A deployment adds a strategy by a line in STRATEGIES; `ranking=` and the OpenAPI document know it by its name.
A retweet is as recent as the retweet, and otherwise judged by its original.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from schemas.ids import unix_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from projections.engagement.read_model import CountsRow

HOUR_MS = 3_600_000
RECENCY_HOURS = 24  # after a day, recency has fallen to 1/e
RETWEET_POINTS, REPLY_POINTS, QUOTE_POINTS = 2.0, 1.5, 2.5  # a like is one point
ENGAGEMENT_SCALE = 10
RELEVANCE_SCALE = 5


class Weights(NamedTuple):
    """How much each part counts; `media` is the factor for tweets with media."""

    recency: float
    engagement: float
    relevance: float
    media: float


class Candidate(NamedTuple):
    """What is known of a tweet: `interactions` is how often the viewer engaged with its author."""

    tweet_id: int
    counts: CountsRow
    interactions: int
    has_media: bool


class Score(NamedTuple):
    """The parts of a score, unweighted, and their total."""

    recency: float
    engagement: float
    relevance: float
    media: float
    total: float


def top(candidate: Candidate, now_ms: int, weights: Weights) -> Score:
    """Score by age, by everybody's engagement and by the viewer's own (the formula of SPEC §4)."""
    age_hours = max(0, now_ms - unix_ms(candidate.tweet_id)) / HOUR_MS
    likes, retweets, replies, quotes = candidate.counts
    points = likes + RETWEET_POINTS * retweets + REPLY_POINTS * replies + QUOTE_POINTS * quotes
    recency = math.exp(-age_hours / RECENCY_HOURS)
    engagement = math.log1p(points) / ENGAGEMENT_SCALE
    relevance = 1 + math.log1p(candidate.interactions) / RELEVANCE_SCALE
    media = weights.media if candidate.has_media else 1.0
    total = weights.recency * recency + weights.engagement * engagement + weights.relevance * relevance
    return Score(recency, engagement, relevance, media, total * media)


STRATEGIES: dict[str, Callable[[Candidate, int, Weights], Score]] = {"top": top}
"""Name of a ranking → what scores a candidate. `latest` is no strategy: it is the list as it stands."""

LATEST = "latest"


def rank(strategy: str, candidates: Iterable[Candidate], now_ms: int, weights: Weights) -> list[tuple[int, Score]]:
    """Return ids with scores, best first; of two alike the newer one comes first."""
    score = STRATEGIES[strategy]
    scored = [(candidate.tweet_id, score(candidate, now_ms, weights)) for candidate in candidates]
    return sorted(scored, key=lambda entry: (entry[1].total, entry[0]), reverse=True)
