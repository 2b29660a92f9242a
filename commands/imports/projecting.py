"""Has the projections follow an import: those that run already, or, where none do, some started for the import.

They run as processes of their own, as under `murmur up`; which of the two it is decides the lock of the data folder.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, closing
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

from infra.data_lock import DataLock
from infra.status import lags
from infra.supervisor import Child, Policy, Supervisor
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.settings import Settings

LOOK_SECONDS = 0.5
STUCK_SECONDS = 120.0  # without one event applied: a batch of the heaviest authors takes seconds


class Behind(NamedTuple):
    """How many events the slowest projection, and all together, have yet to apply."""

    slowest: int
    together: int


class Lags(Protocol):
    """Tells how far projections are behind."""

    def events(self) -> list[int]:
        """Return how many events each projection has yet to apply; blocks."""

    def close(self) -> None:
        """Let go of what is read."""


class EmbeddedLags:
    """Reads the files of a data folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def events(self) -> list[int]:
        """Return how many events each projection has yet to apply."""
        return [lag.events for lag in lags(self._settings)]

    def close(self) -> None:
        """Do nothing: each look opens and closes the files."""


class Projecting:
    """Use as `async with`: leaving the block stops what was started."""

    def __init__(self, settings: Settings, lags: Lags, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._lags = lags
        self._say = say
        self._stack = AsyncExitStack()
        self._supervisor: Supervisor | None = None

    async def __aenter__(self) -> Self:
        self._take_over()
        if self._supervisor:
            await self._start(self._supervisor)
        return self

    def _take_over(self) -> None:
        try:
            lock = DataLock(self._settings.data_dir, "murmur load")
        except TroubleError:
            return  # another command runs the projections
        self._stack.enter_context(closing(lock))
        self._supervisor = Supervisor(self._say, Policy())

    async def _start(self, supervisor: Supervisor) -> None:
        await self._stack.enter_async_context(supervisor)
        log = self._settings.data_dir / "logs" / "streams.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        await supervisor.start(Child("streams", "streams", ("all",), self._settings.environment(), log))

    def behind(self) -> Behind:
        """Return how far the projections are behind now."""
        counts = self._lags.events()
        return Behind(max(counts, default=0), sum(counts))

    async def catch_up(self, stop: asyncio.Event, tell: Callable[[Behind], None]) -> bool:
        """Return when every projection has applied everything; False where `stop` came first.

        Raises TroubleError where nothing moves, GaveUpError where the projections keep dying.
        """
        clock = asyncio.get_running_loop().time
        last, moved_at = None, clock()
        while (behind := await asyncio.to_thread(self.behind)).together:
            tell(behind)
            if behind != last:
                last, moved_at = behind, clock()
            elif clock() - moved_at > STUCK_SECONDS:
                raise TroubleError(
                    f"the projections stand still, {behind.slowest} events behind",
                    f"read {self._settings.data_dir / 'logs' / 'streams.log'}; what was loaded is safe on the log",
                )
            if await self._pause(stop):
                return False
        tell(behind)
        return True

    async def _pause(self, stop: asyncio.Event) -> bool:
        if self._supervisor is None:
            self._take_over()  # whoever ran the projections may have stopped
            if self._supervisor:
                await self._start(self._supervisor)
        else:
            self._supervisor.check()
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await stop.wait()
        except TimeoutError:
            return False
        return True

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
