"""Which topics trend, in which order."""

from __future__ import annotations

from projections.trends.read_model import HOUR_MS, Point, Volume
from query_api.trends.rules import moved, ranked, windows_before
from query_api.trends.score import Past

BEGAN = 1_000 * HOUR_MS + 5
PAST = Past(24.0, 48, 2.0)


def test_hours_are_counted_back_from_the_window() -> None:
    points = [Point(998 * HOUR_MS, 9, 3), Point(999 * HOUR_MS, 9, 4), Point(1_000 * HOUR_MS, 9, 5)]
    assert windows_before(points, BEGAN) == {2: 3, 1: 4}


def test_what_surprises_most_comes_first_and_what_is_usual_does_not_come() -> None:
    steady = [Point((1_000 - back) * HOUR_MS, 100, 100) for back in range(1, 49)]
    volumes = [Volume("weather", 100, 100), Volume("eclipse", 20, 20), Volume("tea", 12, 5), Volume("quiet", 9, 2)]
    found = ranked(volumes, {"weather": steady}, BEGAN, PAST)
    assert [trend.topic for trend in found] == ["eclipse", "tea"]
    assert found[0].score.score == (20 - 2) ** 2 / 2


def test_what_is_denied_does_not_trend() -> None:
    assert ranked([Volume("spam", 99, 99)], {}, BEGAN, PAST, denied={"spam"}) == []


def test_places_gained_are_counted() -> None:
    before = ranked([Volume("a", 9, 9), Volume("b", 8, 8)], {}, BEGAN, PAST)
    now = ranked([Volume("a", 9, 9), Volume("b", 18, 18), Volume("c", 7, 7)], {}, BEGAN, PAST)
    assert [(it.topic, it.rank_change) for it in moved(now, before, 3)] == [("b", 1), ("a", -1), ("c", None)]
    assert len(moved(now, before, 2)) == 2
