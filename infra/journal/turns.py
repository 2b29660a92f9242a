"""Lets commits of one process that need the same names pass one after another, in the order in which they came.

Between processes the store decides; here a turn spares the losers their compare-and-set.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable


class Turns:
    """One lock a name that is wanted."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._wanted: Counter[str] = Counter()

    @asynccontextmanager
    async def taken(self, names: Iterable[str]) -> AsyncIterator[None]:
        """Hold the turn of all the names; in one order, so that no two wait for each other."""
        ordered = sorted(set(names))
        self._wanted.update(ordered)
        try:
            async with AsyncExitStack() as held:
                for name in ordered:
                    await held.enter_async_context(self._locks.setdefault(name, asyncio.Lock()))
                yield
        finally:
            self._wanted.subtract(ordered)
            for name in ordered:
                if not self._wanted[name]:
                    del self._wanted[name], self._locks[name]
