"""Skeleton: the ids of a home timeline, newest first. Follow and reply rules hold already: they are the timeline's."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from projections.home_timeline.read_model import HomeTimelineReader


def home(reader: HomeTimelineReader, viewer_id: int) -> Callable[[int | None, int], list[int]]:
    """Return what reads a viewer's timeline below an id."""
    return partial(reader.page, viewer_id)
