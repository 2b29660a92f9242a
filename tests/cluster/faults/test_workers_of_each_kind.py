"""`murmur up --workers 2` on servers: the workers of a kind share its work, and one that stops loses no request."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from infra import probe
from tests.e2e.people import Answers, Person
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.on_servers import SystemOnServers

pytestmark = pytest.mark.cluster

POSTS = 60
AT_ONCE = 6


def processes(system: SystemOnServers) -> dict[str, dict[str, Any]]:
    told = json.loads(system.murmur("status", "--json").stdout)
    return {process["name"]: process for process in told["processes"]}


def requests_served(data: Path, name: str) -> float:
    """Return how many requests a worker has counted, asked at its own port."""
    told = probe.announced(data / "run" / f"{name}.json")
    metrics = httpx.get(f"http://{told['own_host']}:{told['own_port']}/metrics", timeout=60).text
    lines = [line for line in metrics.splitlines() if line.startswith("murmur_http_requests_total{")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if '"/api/' in line)


def test_every_worker_has_a_name_and_is_ready(system: SystemOnServers) -> None:
    found = processes(system)
    assert set(found) == {f"{kind}-{number}" for kind in ("commands", "streams", "query") for number in (1, 2)}
    assert {name for name, process in found.items() if not process["ready"]} == set()


async def test_a_stop_of_a_worker_loses_no_request_and_doubles_none(system: SystemOnServers) -> None:
    """Each request has a connection of its own: those after the stop reach the other worker.

    One that the kernel has dealt to the worker which closes the port at that moment has no answer, and is sent again.
    """
    before = processes(system)["commands-1"]["pid"]
    async with httpx.AsyncClient(timeout=30) as client:
        author = await Person.register(system, client, "ada")
    left, heard = asyncio.Semaphore(AT_ONCE), Answers()

    async def post(number: int) -> httpx.Response:
        async with left, httpx.AsyncClient(timeout=30) as client:
            if number == POSTS // 2:
                os.kill(before, signal.SIGTERM)
            return await author.surely(client, heard, "POST", "/tweets", f"tweet-{number}", content=f"tweet {number}")

    answers = await asyncio.gather(*map(post, range(POSTS)))
    assert {answer.status_code for answer in answers} == {httpx.codes.CREATED}
    assert not heard.later
    assert heard.none <= AT_ONCE
    await asyncio.to_thread(until, lambda: (it := processes(system)["commands-1"])["ready"] and it["pid"] != before)
    await asyncio.to_thread(system.wait_until_caught_up)
    async with httpx.AsyncClient(timeout=30) as client:
        pages = await author.read_all(client, "/timeline/home")
    found = [tweet["content"] for page in pages for tweet in page]
    assert sorted(found) == sorted(f"tweet {number}" for number in range(POSTS))


def test_connections_are_dealt_out(system: SystemOnServers) -> None:
    for _ in range(40):
        httpx.get(f"{system.query}/api/v1/users/nobody", timeout=60)
    assert all(requests_served(system.data, f"query-{number}") for number in (1, 2))
