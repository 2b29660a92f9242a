"""How unusual it is that so many talk about something. Pure.

    score = (observed - expected)² / expected, where more are observed than expected, else 0

The terms of Pearson's χ² (Pearson 1900). `observed` are the distinct authors in a window; `expected` is the mean of the
windows before it, each weighing half as much as the one `half_life` windows later, and never below a minimum, so that
a topic without a past needs more than a handful of authors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


DECIMALS = 6  # of what is expected, so that what is usual does not surprise by an error of rounding


class Past(NamedTuple):
    """How the past counts: `half_life` in windows, `windows` looked at, `minimum` authors expected of anything."""

    half_life: float
    windows: int
    minimum: float


class Score(NamedTuple):
    """The parts of a score, and the score."""

    observed: int
    expected: float
    score: float


def expected(authors: Mapping[int, int], past: Past) -> float:
    """Return what is expected, given the distinct authors `authors[k]` of the k-th window before (absent: none)."""
    weights: list[float] = [2.0 ** (-k / past.half_life) for k in range(1, past.windows + 1)]
    mean: float = sum(weight * authors.get(k, 0) for k, weight in enumerate(weights, 1)) / sum(weights)
    return max(round(mean, DECIMALS), past.minimum)


def score(observed: int, expected_: float) -> Score:
    """Return the score with its parts."""
    surplus = max(0.0, observed - expected_)
    return Score(observed, expected_, surplus * surplus / expected_)
