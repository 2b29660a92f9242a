"""The formula of SPEC §4, by numbers worked out by hand."""

from __future__ import annotations

import math

import pytest

from projections.engagement.read_model import Counts
from query_api.home_timeline.ranking import Candidate, Weights, rank, top
from schemas.ids import first_id_at

NOW_MS = 1_700_000_000_000
HOUR_MS = 3_600_000
WEIGHTS = Weights(0.4, 0.4, 0.2, 1.1)


def candidate(hours: float, counts: Counts = Counts(), interactions: int = 0, media: bool = False) -> Candidate:  # noqa: B008 - a tuple
    return Candidate(first_id_at(NOW_MS - int(hours * HOUR_MS)), counts, interactions, media)


@pytest.mark.parametrize(
    ("given", "recency", "engagement", "relevance", "media", "total"),
    [
        # 0.4 * 1 + 0.4 * 0 + 0.2 * 1
        (candidate(0), 1.0, 0.0, 1.0, 1.0, 0.6),
        # e^-1 = 0.367879; 0.4 * 0.367879 + 0.2
        (candidate(24), 0.367879, 0.0, 1.0, 1.0, 0.347152),
        # ln(1 + 10 + 2*5 + 1.5*4 + 2.5*2) / 10 = ln(32) / 10 = 0.346574; 0.4 + 0.138629 + 0.2
        (candidate(0, Counts(10, 5, 4, 2)), 1.0, 0.346574, 1.0, 1.0, 0.738629),
        # 1 + ln(1 + 7) / 5 = 1.415888; 0.4 + 0.2 * 1.415888
        (candidate(0, interactions=7), 1.0, 0.0, 1.415888, 1.0, 0.683178),
        # 0.6 * 1.1
        (candidate(0, media=True), 1.0, 0.0, 1.0, 1.1, 0.66),
        # a clock that is ahead makes nothing newer than now
        (candidate(-5), 1.0, 0.0, 1.0, 1.0, 0.6),
    ],
)
def test_a_score_is_the_sum_of_its_weighted_parts(
    given: Candidate, recency: float, engagement: float, relevance: float, media: float, total: float
) -> None:
    assert top(given, NOW_MS, WEIGHTS) == pytest.approx((recency, engagement, relevance, media, total), abs=1e-6)


def test_the_best_comes_first_and_of_two_alike_the_newer_one() -> None:
    flat = Weights(0, 1, 0, 1)
    old, new, liked = candidate(2), candidate(1), candidate(3, Counts(likes=1))
    ranked = rank("top", [new, old, liked], NOW_MS, flat)
    assert [tweet_id for tweet_id, _ in ranked] == [liked.tweet_id, new.tweet_id, old.tweet_id]
    assert ranked[0][1].total == pytest.approx(math.log(2) / 10)
