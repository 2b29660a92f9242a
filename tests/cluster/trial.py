"""A fault under load, timed: who noticed, for how long, and what was true when it was over."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.e2e.checks import check
from tests.e2e.crowd import PEOPLE, gathered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.e2e.crowd import Crowd
    from tests.e2e.on_servers import SystemOnServers

WARM_ANSWERS = 60
PAUSE_SECONDS = 0.25  # between what one person does: some 40 commands a second in all
UNDER_WAY = 3 * PEOPLE  # a lag of fewer events is what is being written just now
RECOVERED_SECONDS = 90.0


class Trial:
    """The moments of one fault; all in seconds of time.monotonic()."""

    def __init__(self, system: SystemOnServers, crowd: Crowd) -> None:
        self.system = system
        self.crowd = crowd
        self.began = self.healed = 0.0

    def begins(self) -> None:
        """Note that the fault is there now."""
        self.began = time.monotonic()

    def heals(self) -> None:
        """Note that whatever was broken is whole again, or that nobody will mend it."""
        self.healed = time.monotonic()

    async def goes_on(self, seconds: float) -> None:
        """Let people go on for so long while the fault lasts."""
        await asyncio.sleep(seconds)

    async def recovered(self) -> dict[str, float]:
        """Wait until both APIs have answered after the healing and the projections follow again; return the times."""
        crowd = self.crowd
        for answers in (crowd.commands, crowd.queries):
            await reached(lambda answers=answers: answers.first_after(self.healed) is not None)  # type: ignore[misc]
        lagging = 0.0
        while not 0 <= await asyncio.to_thread(self.system.lag) <= UNDER_WAY:
            assert time.monotonic() < self.healed + RECOVERED_SECONDS, "the projections do not follow"
            await asyncio.sleep(0.1)
            lagging = time.monotonic() - self.healed
        return {
            "commands silent": crowd.commands.longest_silence(self.began, time.monotonic()),
            "queries silent": crowd.queries.longest_silence(self.began, time.monotonic()),
            "command after": crowd.commands.first_after(self.healed) or 0.0,
            "query after": crowd.queries.first_after(self.healed) or 0.0,
            "caught up after": lagging,
        }


async def reached(condition: Callable[[], bool], seconds: float = RECOVERED_SECONDS) -> None:
    """Return as soon as the condition holds; fail where it does not in time. The loop goes on meanwhile."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"the condition did not come true within {seconds:.0f} s"
        await asyncio.sleep(0.05)


@asynccontextmanager
async def trial(system: SystemOnServers, name: str, told: Callable[[str, object], None]) -> AsyncIterator[Trial]:
    """A crowd under way; the block makes and heals the fault. Afterwards all must be as if it had never been."""
    async with gathered(system, name, pause=PAUSE_SECONDS) as crowd:
        await reached(lambda: min(len(crowd.commands.good), len(crowd.queries.good)) > WARM_ANSWERS)
        made = Trial(system, crowd)
        yield made
        times = await made.recovered()
    for what, seconds in times.items():
        told(what, round(seconds, 1))
    told("asked to come again", dict(crowd.commands.later + crowd.queries.later))
    told("not answered", crowd.commands.none + crowd.queries.none)
    told("commands", len(crowd.commands.good))
    await asyncio.to_thread(system.wait_until_caught_up)
    await check(crowd)
