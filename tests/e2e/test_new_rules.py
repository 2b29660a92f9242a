"""A projection gets a new column and a new rule while people write and read: no process of either version fails them.

Two versions of the program work on one data folder, as docs/replay.md tells an operator to do it: the new version's
replay beside the old processes, its worker, its query process, and at last the rest of it in place of the old one.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import httpx

from infra.generations.files import FileGenerations
from infra.sqlite.connections import open_reader, rows
from infra.sqlite.projection_store import generation_path
from tests.e2e.next_version import next_version
from tests.e2e.people import Person
from tests.e2e.system import Beside, System
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from infra.generations.record import Record

REPLAY_SECONDS = 120.0
MIDNIGHT = "T00:00:00.000Z"


class Readers:
    """Asks a query process who follows somebody, again and again, until told to end; nothing else may come of it."""

    def __init__(self, url: str, user_id: str, *, by_day: bool) -> None:
        self._url = f"{url}/api/v1/users/{user_id}/followers?limit=200"
        self._by_day = by_day
        self._over = asyncio.Event()
        self.seen = 0
        self.wrong: list[str] = []
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async with httpx.AsyncClient(timeout=30) as client:
            while not self._over.is_set():
                answer = await client.get(self._url)
                self.seen += 1
                if answer.status_code != httpx.codes.OK:
                    self.wrong.append(answer.text)
                    continue
                times = [it["followed_at"] for it in answer.json()["followers"]]
                if any(at.endswith(MIDNIGHT) != self._by_day for at in times):
                    self.wrong.append(f"another version's rule: {times}")

    async def end(self) -> None:
        """Ask no more; fail where an answer was wrong."""
        self._over.set()
        await self._task
        assert (self.wrong, self.seen > 0) == ([], True)


class Town:
    """Somebody whom everybody follows."""

    def __init__(self, system: System, client: httpx.AsyncClient) -> None:
        self._system = system
        self._client = client
        self.fans: list[Person] = []

    async def begin(self) -> None:
        self.star = await Person.register(self._system, self._client, "star")

    async def joined(self) -> Person:
        """One more account follows."""
        fan = await Person.register(self._system, self._client, f"fan_{len(self.fans)}")
        answer = await fan.command(self._client, "POST", f"/users/{self.star.user_id}/follow")
        assert answer.is_success, answer.text
        self.fans.append(fan)
        return fan

    async def told_by(self, url: str) -> set[str]:
        """Who follows, as a query process says that has heard of all of it."""
        headers = {"X-Consistency-Token": self.fans[-1].last_token}
        answer = await self._client.get(
            f"{url}/api/v1/users/{self.star.user_id}/followers", params={"wait_ms": 20_000}, headers=headers
        )
        assert (answer.status_code, answer.headers.get("X-Stale")) == (httpx.codes.OK, None), answer.text
        return {it["user_id"] for it in answer.json()["followers"]}

    def everybody(self) -> set[str]:
        return {fan.user_id for fan in self.fans}


def replayed(system: System) -> dict[str, Any]:
    ended = system.murmur("replay", "graph", "--changed", "--json", timeout=REPLAY_SECONDS)
    assert ended.returncode == 0, (ended.stdout, ended.stderr)
    told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])["projections"]["graph"]
    return told


def record(system: System) -> Record:
    return FileGenerations(system.data / "projections").of("graph")


async def roll_out(old: System, new: System) -> None:
    async with httpx.AsyncClient(timeout=30) as client:
        town = Town(old, client)
        await town.begin()
        for _ in range(3):
            await town.joined()
        before = Readers(old.query, town.star.user_id, by_day=False)
        with ExitStack() as running:
            replaying = asyncio.create_task(asyncio.to_thread(replayed, new))
            await asyncio.to_thread(until, lambda: record(new).get(2) is not None)
            worker = running.enter_context(Beside(new, "worker-of-tomorrow", "streams", "graph"))
            told = await replaying
            assert (told["generation"], told["verified"], told["phase"]) == (2, True, "done")
            assert "live: follows" in told["report"]
            query = running.enter_context(Beside(new, "query-of-tomorrow", "query_api"))
            await asyncio.to_thread(query.wait_until_ready)
            after = Readers(query.url, town.star.user_id, by_day=True)
            await town.joined()
            assert await town.told_by(old.query) == await town.told_by(query.url) == town.everybody()
            await before.end()
            worker.stop()
            await asyncio.to_thread(old.stop)
            await asyncio.to_thread(new.start)
            town = moved(town, new, client)
            await town.joined()
            assert await town.told_by(new.query) == await town.told_by(query.url) == town.everybody()
            await after.end()


def moved(town: Town, system: System, client: httpx.AsyncClient) -> Town:
    there = Town(system, client)
    there.star, there.fans = town.star, town.fans
    return there


def test_a_new_rule_goes_out_while_people_write_and_read(tmp_path: Path) -> None:
    old, new = System(tmp_path / "data"), System(tmp_path / "data")
    new.root = next_version(tmp_path / "next")
    with ExitStack() as stopping:
        stopping.enter_context(old)
        stopping.callback(new.__exit__)
        asyncio.run(roll_out(old, new))
        generations = [(it.number, it.schema_version, str(it.state)) for it in record(new).generations]
        assert (record(new).active, generations) == (2, [(1, 1, "following"), (2, 2, "following")])
        with closing(open_reader(generation_path(tmp_path / "data" / "projections", "graph", 2))) as file:
            until(lambda: len(rows(file, "SELECT 1 FROM follows WHERE at_ms <= said_ms")) == 5)
