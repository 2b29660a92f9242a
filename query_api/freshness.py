"""Waits until projections have passed the positions of a consistency token.

The waiting itself is infra.consistency's; here stands which projections, which positions, and for how long together.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from infra.consistency import CatchUp
from query_api.stores import TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from infra.log.port import Position, TopicPartition
    from query_api.stores import Stores

MAX_WAIT_MS = 30_000


class Freshness:
    """Listens to all projections; its bells are hung at the first wait, inside the event loop."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._listening: dict[str, CatchUp] = {}

    async def wait(self, positions: Sequence[Position], projections: Iterable[str], wait_ms: int) -> bool:
        """Return whether the projections passed the positions within `wait_ms`, all together.

        A topic that a projection does not consume is nothing to wait for.
        """
        deadline = time.monotonic() + wait_ms / 1000
        for name in projections:
            needed = [position for position in positions if position.topic in TOPICS[name]]
            left = max(0.0, deadline - time.monotonic())
            if needed and not await self._listener(name).until_passed(_Progress(self._stores, name), needed, left):
                return False
        return True

    def _listener(self, projection: str) -> CatchUp:
        if projection not in self._listening:
            self._listening[projection] = CatchUp(self._stores.path(projection))
        return self._listening[projection]

    def close(self) -> None:
        """Stop listening."""
        for listener in self._listening.values():
            listener.close()
        self._listening.clear()


class _Progress:
    """The checkpoints of a projection whose file may come, or be replaced, during the wait."""

    def __init__(self, stores: Stores, projection: str) -> None:
        self._stores = stores
        self._projection = projection

    def checkpoints(self) -> Mapping[TopicPartition, int]:
        return self._stores.checkpoints(self._projection) or {}
