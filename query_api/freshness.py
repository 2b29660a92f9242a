"""Waits until projections have passed the positions of a consistency token.

The waiting itself is the sources'; here stands which projections, which positions, and for how long together.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from query_api.stores import HOME, TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from infra.log.port import Position
    from query_api.stores import Stores

MAX_WAIT_MS = 30_000


class Freshness:
    """Waits for projections."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    async def left_behind(
        self, positions: Sequence[Position], projections: Iterable[str], wait_ms: int
    ) -> tuple[str, ...]:
        """Return the projections that did not pass the positions within `wait_ms`, all together.

        A topic that a projection does not consume is nothing to wait for.
        """
        deadline = time.monotonic() + wait_ms / 1000
        behind = []
        for name in sorted(projections, key=HOME.__eq__):  # last: something stands in for it, and not for the others
            needed = [position for position in positions if position.topic in TOPICS[name]]
            left = max(0.0, deadline - time.monotonic())
            if needed and not await self._stores.until_passed(name, needed, left):
                behind.append(name)
        return tuple(behind)
