"""Servers die, lose what they had, freeze, or have no room left: nothing acknowledged is lost, nothing is doubled."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.namespaces import SmallDisk, frozen
from tests.cluster.stage import SILENCE_SECONDS, seconds, system, told
from tests.cluster.trial import reached, trial

if TYPE_CHECKING:
    from tests.e2e.on_servers import SystemOnServers

__all__ = ["system", "told"]
pytestmark = pytest.mark.cluster

AWAY_SECONDS = 3.0
FROZEN_SECONDS = 8.0
FULL_SECONDS = 5.0
ROOM_MB = 24


async def kill_and_start(system: SystemOnServers, name: str, told: dict[str, Any], *, empty: bool = False) -> None:
    async with trial(system, f"{name}{'_empty' if empty else ''}", told.__setitem__) as made:
        made.begins()
        system.fleet.kill(name)
        await made.goes_on(AWAY_SECONDS)
        if empty:
            shutil.rmtree(Path(system.fleet[name].log).parent / "data")
        await asyncio.to_thread(system.fleet.start, name)
        made.heals()


def test_a_broker_is_killed(system: SystemOnServers, told: dict[str, Any]) -> None:
    asyncio.run(kill_and_start(system, "kafka", told))
    assert seconds(told, "queries silent") < SILENCE_SECONDS


def test_redis_is_killed(system: SystemOnServers, told: dict[str, Any]) -> None:
    asyncio.run(kill_and_start(system, "redis", told))
    assert seconds(told, "commands silent") < SILENCE_SECONDS
    assert seconds(told, "queries silent") < SILENCE_SECONDS


def test_redis_is_killed_and_comes_back_empty(system: SystemOnServers, told: dict[str, Any]) -> None:
    asyncio.run(kill_and_start(system, "redis", told, empty=True))
    assert seconds(told, "commands silent") < SILENCE_SECONDS
    assert seconds(told, "queries silent") < SILENCE_SECONDS


def test_cassandra_is_killed(system: SystemOnServers, told: dict[str, Any]) -> None:
    asyncio.run(kill_and_start(system, "cassandra", told))


@pytest.mark.parametrize("name", ["kafka", "redis", "cassandra"])
def test_a_server_freezes_and_wakes_up(system: SystemOnServers, told: dict[str, Any], name: str) -> None:
    async def freeze() -> None:
        async with trial(system, f"{name}_frozen", told.__setitem__) as made:
            made.begins()
            with frozen(system.fleet[name].process):
                await made.goes_on(FROZEN_SECONDS)
            made.heals()

    asyncio.run(freeze())


@pytest.mark.parametrize("name", ["kafka", "redis"])
def test_the_disk_of_a_server_is_full(system: SystemOnServers, told: dict[str, Any], name: str) -> None:
    fleet = system.fleet
    fleet.stop(name)
    try:
        with SmallDisk(Path(fleet[name].log).parent / "data", ROOM_MB) as disk:
            fleet.start(name, within=disk.entrance)
            asyncio.run(fill(system, disk, told, name))
            fleet.stop(name)
            disk.keep()
    finally:
        fleet.start(name)
    system.wait_until_ready()


async def fill(system: SystemOnServers, disk: SmallDisk, told: dict[str, Any], name: str) -> None:
    await reached(lambda: system.lag() == 0)
    async with trial(system, f"{name}_full", told.__setitem__) as made:
        made.begins()
        disk.fill()
        await made.goes_on(FULL_SECONDS)
        disk.heal()
        if not system.fleet.alive(name):  # Kafka ends when it cannot write: an operator starts it when there is room
            await asyncio.to_thread(system.fleet.start, name, within=disk.entrance)
        made.heals()
