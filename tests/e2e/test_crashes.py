"""Processes die at any moment, and nothing that was acknowledged is lost, doubled or miscounted."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from typing import TYPE_CHECKING

from tests.e2e.checks import check
from tests.e2e.crowd import gathered

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Starting
    from tests.e2e.system import System

LOAD_SECONDS = 25.0
ENOUGH_TWEETS = 50
PAUSE_BETWEEN_KILLS = (0.5, 3.0)  # seconds; a process starts in one, so some are killed while they start
VICTIMS = ("commands", "streams", "query")


async def kill_in_rounds(system: System) -> Counter[str]:
    dice, killed, end = random.Random(7), Counter[str](), time.monotonic() + LOAD_SECONDS
    while time.monotonic() < end:
        for victim in dice.sample(VICTIMS, len(VICTIMS)):
            await asyncio.sleep(dice.uniform(*PAUSE_BETWEEN_KILLS))
            if system.kill(victim) is not None:
                killed[victim] += 1
    return killed


async def survive(system: System) -> None:
    async with gathered(system, "person") as crowd:
        killed = await kill_in_rounds(system)
    assert set(killed) == set(VICTIMS)
    assert len(crowd.tweets) > ENOUGH_TWEETS
    await asyncio.to_thread(system.wait_until_ready)
    await asyncio.to_thread(system.wait_until_caught_up)
    await check(crowd)
    print(f"{len(crowd.commands.good)} commands, {len(crowd.tweets)} tweets; killed: {dict(killed)}")  # noqa: T201


def test_nothing_acknowledged_is_lost_or_doubled_when_processes_are_killed(starting: Starting, tmp_path: Path) -> None:
    with starting(tmp_path / "data") as system:
        asyncio.run(survive(system))
