"""Faults under load, timed: who noticed, for how long, and what was true when they were over."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING, Any

from infra.log.kafka_reader import KafkaLogReader
from infra.log.port import TopicPartition
from query_api.stores import TOPICS
from schemas.catalogue import FACT_TOPICS
from tests.e2e.checks import check
from tests.e2e.crowd import gathered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from tests.e2e.crowd import Crowd
    from tests.e2e.on_servers import SystemOnServers

WARM_ANSWERS = 60
PAUSE_SECONDS = 0.25  # between what one person does: some 40 commands a second in all
RECOVERED_SECONDS = 90.0
SILENCE_SECONDS = 5.0  # of an API whose own parts all run: a pause of a busy machine, not an outage


class Fault:
    """The moments of one fault; all in seconds of time.monotonic()."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.healed = 0.0

    def heals(self) -> None:
        """Note that whatever was broken is whole again, or that nobody will mend it."""
        self.healed = time.monotonic()

    async def goes_on(self, seconds: float) -> None:
        """Let people go on for so long while the fault lasts."""
        await asyncio.sleep(seconds)


class Trial:
    """A crowd under way, and the faults that happen to it, one after the other."""

    def __init__(self, system: SystemOnServers, crowd: Crowd, told: dict[str, Any]) -> None:
        self._system = system
        self._crowd = crowd
        self._told = told

    @asynccontextmanager
    async def fault(self, name: str) -> AsyncIterator[Fault]:
        """Time a fault: the block makes it, and heals it at its end at the latest. Returns when all has recovered."""
        fault = Fault()
        yield fault
        if not fault.healed:
            fault.heals()
        for what, seconds in (await self._recovered(fault)).items():
            self._told[f"{name}: {what}"] = round(seconds, 1)

    async def _recovered(self, fault: Fault) -> dict[str, float]:
        """Wait until both APIs have answered after the healing and all that was written by then can be read."""
        for answers in (self._crowd.commands, self._crowd.queries):
            await reached(lambda answers=answers: answers.first_after(fault.healed) is not None)  # type: ignore[misc]
        ends = await asyncio.to_thread(self._ends)
        while not await asyncio.to_thread(self._have_applied, ends):
            assert time.monotonic() < fault.healed + RECOVERED_SECONDS, "the projections do not follow"
            await asyncio.sleep(0.1)
        now = time.monotonic()
        return {
            "commands silent": self._crowd.commands.longest_silence(fault.began, now),
            "queries silent": self._crowd.queries.longest_silence(fault.began, now),
            "command after": self._crowd.commands.first_after(fault.healed) or 0.0,
            "query after": self._crowd.queries.first_after(fault.healed) or 0.0,
            "caught up after": now - fault.healed,
        }

    def _ends(self) -> Mapping[TopicPartition, int]:
        with closing(KafkaLogReader(self._system.told["kafka_bootstrap"], FACT_TOPICS)) as log:
            return log.end_offsets(FACT_TOPICS)

    def _have_applied(self, ends: Mapping[TopicPartition, int]) -> bool:
        """Whether every projection has applied the log as far as these ends."""
        projections = self._system.projections()
        if projections is None:
            return False
        for told in projections:
            applied = {TopicPartition(it["topic"], it["partition"]): it["position"] for it in told["partitions"]}
            topics = TOPICS[told["projection"]]
            if any(applied.get(place, 0) < end for place, end in ends.items() if place.topic in topics):
                return False
        return True


async def reached(condition: Callable[[], bool], seconds: float = RECOVERED_SECONDS) -> None:
    """Return as soon as the condition holds; fail where it does not in time. The loop goes on meanwhile."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"the condition did not come true within {seconds:.0f} s"
        await asyncio.sleep(0.05)


@asynccontextmanager
async def trial(system: SystemOnServers, name: str, told: dict[str, Any]) -> AsyncIterator[Trial]:
    """A crowd under way; the block makes faults. Afterwards all must be as if they had never been."""
    async with gathered(system, name, pause=PAUSE_SECONDS) as crowd:
        await reached(lambda: min(len(crowd.commands.good), len(crowd.queries.good)) > WARM_ANSWERS)
        yield Trial(system, crowd, told)
    told["asked to come again"] = dict(crowd.commands.later + crowd.queries.later)
    told["not answered"] = crowd.commands.none + crowd.queries.none
    told["commands"] = len(crowd.commands.good)
    await asyncio.to_thread(system.wait_until_caught_up)
    await check(crowd)


def both_go_on(told: Mapping[str, Any], *faults: str) -> None:
    """Demand that neither API was silent for long during these faults."""
    commands_go_on(told, *faults)
    queries_go_on(told, *faults)


def commands_go_on(told: Mapping[str, Any], *faults: str) -> None:
    """Demand that the command API was not silent for long."""
    assert {fault: it for fault in faults if (it := told[f"{fault}: commands silent"]) >= SILENCE_SECONDS} == {}


def queries_go_on(told: Mapping[str, Any], *faults: str) -> None:
    """Demand that the query API was not silent for long."""
    assert {fault: it for fault in faults if (it := told[f"{fault}: queries silent"]) >= SILENCE_SECONDS} == {}
