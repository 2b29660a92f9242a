"""Three brokers, three Cassandra nodes, three copies: without one of each everything goes on, and nothing is lost."""

from __future__ import annotations

import asyncio
import os
import random
import time
from typing import TYPE_CHECKING

import pytest

from infra.servers import Fleet, running
from tests.cluster.faults.trial import PAUSE_SECONDS, RECOVERED_SECONDS, WARM_ANSWERS, reached
from tests.e2e.checks import check
from tests.e2e.crowd import Crowd, gathered
from tests.e2e.on_servers import SystemOnServers

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.soak

ROUNDS = int(os.environ.get("MURMURATION_CHAOS_ROUNDS", "3"))
SEED = int(os.environ.get("MURMURATION_CHAOS_SEED", "1"))
NODES = 3
DOWN_SECONDS = 8.0
SILENCE_SECONDS = 12.0  # the worst delivery that a leader's death has cost with three brokers was 10 s
CLUSTERS = ("kafka", "cassandra")
WORKERS = {f"{kind}_workers": "2" for kind in ("commands", "streams", "query")}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with running(("redis", *(f"{name}*{NODES}" for name in CLUSTERS)), tmp_path_factory.mktemp("chaos")) as fleet:
        yield fleet


async def kill_in_turn(fleet: Fleet, crowd: Crowd, round_: int, dice: random.Random) -> dict[str, float]:
    """Kill one node of each cluster, look how it goes on without, start them again; return what was noticed."""
    victims = [f"{name}.{dice.randint(1, NODES)}" for name in CLUSTERS]
    began = time.monotonic()
    for victim in victims:
        await asyncio.to_thread(fleet.kill, victim)
    await asyncio.sleep(DOWN_SECONDS)
    for answers in (crowd.commands, crowd.queries):
        moment = time.monotonic()
        await reached(lambda answers=answers, moment=moment: answers.first_after(moment) is not None)  # type: ignore[misc]
    down = time.monotonic()
    await asyncio.to_thread(fleet.start, *victims)
    noticed = {
        "round": float(round_),
        "commands silent": round(crowd.commands.longest_silence(began, down), 1),
        "queries silent": round(crowd.queries.longest_silence(began, down), 1),
        "nodes back after": round(time.monotonic() - down, 1),
    }
    print(f"\n{', '.join(victims)}: {noticed}")  # noqa: T201 - a test's own output
    return noticed


async def survive(fleet: Fleet, system: SystemOnServers) -> list[dict[str, float]]:
    dice = random.Random(SEED)
    async with gathered(system, "chaos", seed=SEED, pause=PAUSE_SECONDS) as crowd:
        await reached(lambda: min(len(crowd.commands.good), len(crowd.queries.good)) > WARM_ANSWERS)
        noticed = [await kill_in_turn(fleet, crowd, round_, dice) for round_ in range(1, ROUNDS + 1)]
        healed = time.monotonic()
        await reached(lambda: crowd.commands.first_after(healed) is not None, RECOVERED_SECONDS)
    await asyncio.to_thread(system.wait_until_caught_up)
    await check(crowd)
    print(f"\n{len(crowd.commands.good)} commands, asked to come again: {dict(crowd.commands.later)}")  # noqa: T201
    return noticed


def test_one_node_of_each_cluster_is_killed_in_turn(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> None:
    system = SystemOnServers(fleet, tmp_path_factory.mktemp("chaos-system") / "data", **WORKERS)
    with system:
        noticed = asyncio.run(survive(fleet, system))
    for turn in noticed:
        assert turn["commands silent"] < SILENCE_SECONDS
        assert turn["queries silent"] < SILENCE_SECONDS
