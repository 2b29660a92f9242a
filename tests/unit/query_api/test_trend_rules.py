"""Which topics trend, in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from projections.trends.read_model import HOUR_MS, STEP_MS, Point, Volume
from query_api.trends import rules
from query_api.trends.rules import back, expectations, judged, line, moved, ranked, window_of
from query_api.trends.score import Past

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from query_api.trends.rules import Trend

BEGAN = 1_000 * HOUR_MS + STEP_MS
PAST = Past(24.0, 48, 2.0)


def usual(**authors: float) -> Callable[[Sequence[str]], dict[str, float]]:
    """What is expected, of those named more than the minimum."""
    return lambda topics: {topic: authors.get(topic, PAST.minimum) for topic in topics}


def found(volumes: Sequence[Volume], denied: Collection[str] = (), **authors: float) -> list[Trend]:
    return ranked(volumes, usual(**authors), PAST.minimum, denied)


def test_the_window_is_this_quarter_of_an_hour_and_the_three_before_it() -> None:
    assert window_of(BEGAN + 5) == BEGAN - 3 * STEP_MS
    assert window_of(BEGAN - 1) == BEGAN - 4 * STEP_MS


def test_hours_are_counted_back_from_the_window() -> None:
    points = [Point(BEGAN - back * HOUR_MS, 9, authors) for back, authors in ((3, 7), (1, 4), (0, 9))]
    assert back(points, BEGAN, HOUR_MS) == {3: 7, 1: 4}
    assert line(points, BEGAN - 3 * HOUR_MS, 4) == [7, 0, 4, 9]


def test_what_surprises_most_comes_first_and_what_is_usual_does_not_come() -> None:
    steady = {"weather": [Point(BEGAN - back * HOUR_MS, 100, 100) for back in range(1, 49)]}
    expected = expectations(steady, ["weather", "tea"], BEGAN, HOUR_MS, PAST)
    assert expected == {"weather": pytest.approx(100), "tea": 2.0}
    volumes = [Volume("weather", 100, 100), Volume("eclipse", 20, 20), Volume("tea", 12, 5), Volume("quiet", 9, 2)]
    trends = found(volumes, weather=expected["weather"])
    assert [trend.topic for trend in trends] == ["eclipse", "tea"]
    assert trends[0].score.score == (20 - 2) ** 2 / 2


def test_what_is_denied_does_not_trend() -> None:
    assert found([Volume("spam", 99, 99)], denied={"spam"}) == []


def test_no_more_topics_are_looked_at_than_may_be_among_the_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MOST", 3)
    monkeypatch.setattr(rules, "CHUNK", 2)
    volumes = [Volume(f"topic{authors}", authors, authors) for authors in range(100, 2, -1)]
    expect = usual(topic100=100.0, topic99=99.0)
    asked: list[str] = []

    def counted(topics: Sequence[str]) -> dict[str, float]:
        asked.extend(topics)
        return expect(topics)

    assert [it.topic for it in ranked(volumes, counted, PAST.minimum)] == ["topic98", "topic97", "topic96"]
    assert asked == [volume.topic for volume in volumes[:6]]


def test_places_gained_are_counted() -> None:
    before = found([Volume("a", 9, 9), Volume("b", 8, 8)])
    now = found([Volume("b", 18, 18), Volume("a", 9, 9), Volume("c", 7, 7)])
    assert [(it.topic, it.rank_change) for it in moved(now, before)] == [("b", 1), ("a", -1), ("c", None)]


def test_each_point_is_held_against_those_before_it() -> None:
    past = Past(1.0, 2, 0.5)
    points = [Point(at * HOUR_MS, 20, authors) for at, authors in ((0, 8), (1, 2), (2, 10))]
    (last,) = judged(points, 2 * HOUR_MS, HOUR_MS, past)
    expected = (2 * 0.5 + 8 * 0.25) / 0.75
    assert (last.point, last.score.expected) == (points[2], expected)
    assert last.score.score == pytest.approx((10 - expected) ** 2 / expected)
