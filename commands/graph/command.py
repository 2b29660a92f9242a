"""Requests about the graph, as data."""

from __future__ import annotations

from typing import NamedTuple


class Relate(NamedTuple):
    """Begin or end a relation of `user_id` to `target_id`."""

    user_id: int
    target_id: int
