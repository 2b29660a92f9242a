"""How unusual it is that so many talk about something."""

from __future__ import annotations

import pytest

from query_api.trends.score import Past, Score, expected, score


def test_the_score_is_the_surplus_squared_over_what_is_expected() -> None:
    assert score(30, 10.0) == Score(30, 10.0, 40.0)
    assert score(10, 10.0).score == 0
    assert score(5, 10.0).score == 0


def test_nothing_is_expected_less_than_the_minimum() -> None:
    assert expected({}, Past(24.0, 168, 3.0)) == 3.0


def test_the_newer_past_weighs_more() -> None:
    past = Past(1.0, 2, 0.5)
    assert expected({1: 8}, past) == pytest.approx(8 * 0.5 / 0.75)
    assert expected({2: 8}, past) == pytest.approx(8 * 0.25 / 0.75)


def test_a_steady_past_is_what_is_expected() -> None:
    past = Past(24.0, 168, 1.0)
    assert expected(dict.fromkeys(range(1, 169), 7), past) == pytest.approx(7.0)
