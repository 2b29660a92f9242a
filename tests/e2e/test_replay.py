"""Every projection is rebuilt, verified and swapped while people write and read: nothing is refused, torn or missed."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx

from streams.projections import PROJECTIONS
from tests.e2e.checks import check
from tests.e2e.column import column
from tests.e2e.crowd import gathered
from tests.e2e.system import System
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

REPLAYS = 2  # the second one rebuilds what the first has promoted
SECONDS = 150.0
PAUSE_SECONDS = 0.1  # of a dozen people: some 100 commands a second where the machine has time for them


async def replay(system: System) -> dict[str, Any]:
    """Rebuild everything; return what the last line says."""
    ended = await asyncio.to_thread(system.murmur, "replay", "all", "--json", timeout=SECONDS)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])["projections"]
    return told


def until_read(system: System, number: int) -> None:
    """Wait until the query process reads this generation of everything."""

    def read() -> set[int]:
        told = httpx.get(f"{system.query}/projections", timeout=15).json()["projections"]
        return {it["generation"] for it in told}

    until(lambda: read() == {number})


async def rebuild_under_load(system: System) -> None:
    async with gathered(system, "person", pause=PAUSE_SECONDS) as crowd, column(crowd) as lines:
        for number in range(2, 2 + REPLAYS):
            told = await replay(system)
            assert told.keys() == {it.name for it in PROJECTIONS}
            for name, it in told.items():
                assert (name, it["verified"], it["generation"], it["phase"]) == (name, True, number, "done")
                assert f"as in generation {number - 1}" in it["report"]
            await asyncio.to_thread(until_read, system, number)
    await asyncio.to_thread(system.wait_until_caught_up)
    await check(crowd)
    async with httpx.AsyncClient(timeout=15) as client:
        await lines.check(client)
    assert crowd.commands.later.keys() <= {"projection_behind"}  # a busy machine: what is asked again is done then
    assert not crowd.queries.later
    assert crowd.commands.none + crowd.queries.none == 0


def test_everything_is_rebuilt_while_people_write_and_read(tmp_path: Path) -> None:
    with System(tmp_path / "data") as system:
        asyncio.run(rebuild_under_load(system))
