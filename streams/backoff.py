"""Says how long to wait before the next attempt."""

from __future__ import annotations

import random

FIRST_DELAY_SECONDS = 0.05  # a lock held by a checkpoint is gone by then
LONGEST_DELAY_SECONDS = 5.0  # a disk with room again is noticed within this


class Backoff:
    """Delays that double from one attempt to the next, each with jitter of half its length."""

    def __init__(self) -> None:
        self._delay = FIRST_DELAY_SECONDS

    def next(self) -> float:
        """Return the seconds to wait now."""
        delay = self._delay * random.uniform(0.5, 1.0)  # noqa: S311 - spreads attempts, guards nothing
        self._delay = min(self._delay * 2, LONGEST_DELAY_SECONDS)
        return delay
