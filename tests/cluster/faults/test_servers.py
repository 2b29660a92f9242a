"""Servers die, lose what they had, freeze, or have no room left: nothing acknowledged is lost, nothing is doubled."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.faults.trial import both_go_on, queries_go_on, reached, trial
from tests.cluster.namespaces import SmallDisk, frozen

if TYPE_CHECKING:
    from tests.cluster.faults.trial import Trial
    from tests.e2e.on_servers import SystemOnServers

pytestmark = pytest.mark.cluster

AWAY_SECONDS = 3.0
FROZEN_SECONDS = 8.0
FULL_SECONDS = 5.0
ROOM_MB = 24


async def kill_and_start(system: SystemOnServers, made: Trial, name: str, *, empty: bool = False) -> None:
    async with made.fault(f"{name} {'empty' if empty else 'killed'}") as fault:
        system.fleet.kill(name)
        await fault.goes_on(AWAY_SECONDS)
        if empty:
            shutil.rmtree(Path(system.fleet[name].log).parent / "data")
        await asyncio.to_thread(system.fleet.start, name)


def test_a_broker_is_killed(system: SystemOnServers, told: dict[str, Any]) -> None:
    async def kill() -> None:
        async with trial(system, "kafka", told) as made:
            await kill_and_start(system, made, "kafka")

    asyncio.run(kill())
    queries_go_on(told, "kafka killed")


def test_redis_is_killed_and_then_comes_back_empty(system: SystemOnServers, told: dict[str, Any]) -> None:
    async def kill() -> None:
        async with trial(system, "redis", told) as made:
            await kill_and_start(system, made, "redis")
            await kill_and_start(system, made, "redis", empty=True)

    asyncio.run(kill())
    both_go_on(told, "redis killed", "redis empty")


def test_cassandra_is_killed(system: SystemOnServers, told: dict[str, Any]) -> None:
    async def kill() -> None:
        async with trial(system, "cassandra", told) as made:
            await kill_and_start(system, made, "cassandra")

    asyncio.run(kill())


def test_each_server_freezes_and_wakes_up(system: SystemOnServers, told: dict[str, Any]) -> None:
    async def freeze() -> None:
        async with trial(system, "frozen", told) as made:
            for name in ("kafka", "redis", "cassandra"):
                async with made.fault(f"{name} frozen") as fault:
                    with frozen(system.fleet[name].process):
                        await fault.goes_on(FROZEN_SECONDS)

    asyncio.run(freeze())


@pytest.mark.parametrize("name", ["kafka", "redis"])
def test_the_disk_of_a_server_is_full(system: SystemOnServers, told: dict[str, Any], name: str) -> None:
    fleet = system.fleet
    fleet.stop(name)
    try:
        with SmallDisk(Path(fleet[name].log).parent / "data", ROOM_MB) as disk:
            fleet.start(name, within=disk.entrance)
            if asyncio.run(fill(system, disk, told, name)):
                fleet.stop(name)
                disk.keep()
    finally:
        fleet.start(name)


async def fill(system: SystemOnServers, disk: SmallDisk, told: dict[str, Any], name: str) -> bool:
    """Return whether the server went on, on its small disk."""
    await reached(lambda: system.lag() == 0)
    async with trial(system, f"{name}_full", told) as made, made.fault(f"{name} full") as fault:
        disk.fill()
        await fault.goes_on(FULL_SECONDS)
        disk.heal()
        goes_on = system.fleet.alive(name)
        if not goes_on:  # Kafka ends when it cannot write: an operator starts it where there is room
            await asyncio.to_thread(disk.keep)
            await asyncio.to_thread(system.fleet.start, name)
    return goes_on
