"""The shape of a measurement, shared by all benchmarks."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """One line of the table: `beside` holds what it is to be read against, `goal` says in words what is wanted."""

    name: str
    value: float
    unit: str
    beside: dict[str, float]
    goal: str
