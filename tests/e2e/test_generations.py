"""Readers are moved between generations while people write and read: nobody is refused, and no page mixes two."""

from __future__ import annotations

import asyncio
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from infra.clock import SystemClock
from infra.generations.changes import Generations
from infra.generations.files import FileGenerations
from infra.generations.record import State
from infra.log.port import Span
from infra.settings import Settings
from infra.sqlite.projection_store import generation_path
from schemas.codec import decode
from streams.bootstrap import PROJECTIONS
from tests.e2e.checks import check
from tests.e2e.crowd import gathered
from tests.e2e.people import Person
from tests.e2e.system import System

if TYPE_CHECKING:
    from pathlib import Path

SWAPS = 20
TWEETS = 20
READERS = 3
FOLLOWED_WITHIN_SECONDS = 1.0
GENERATIONS = {1: "first", 2: "second"}


class Seen(NamedTuple):
    """What readers were shown: how many pages of each generation, and what no reader may be shown."""

    pages: dict[str, int]
    wrong: list[str]


def build_others(system: System, generations: Generations) -> None:
    """Build another generation of every projection; in that of tweets, all that was posted by now reads `second`."""
    settings = Settings(data_dir=system.data)
    with system.log() as log:
        for projection in PROJECTIONS:
            number = generations.begin(projection.name, projection.schema_version)
            path = generation_path(settings.projections_dir, projection.name, number)
            if projection.name == "tweets":
                with closing(projection.open_store(path, log.log_id, settings)) as store:
                    for partition in range(log.partitions("tweets")):
                        while batch := log.read("tweets", partition, done_of(store, partition), 1000):
                            writes = projection.project([decode(value) for value in batch.values])
                            span = Span("tweets", partition, batch.base_offset, batch.next_offset)
                            store.apply([renamed(write) for write in writes], span)
            generations.mark(projection.name, number, State.FOLLOWING)


def done_of(store: Any, partition: int) -> int:
    done: int = store.checkpoints().get(("tweets", partition), 0)
    return done


def renamed(write: Any) -> Any:
    return write._replace(body=write.body.replace(b"first", b"second")) if hasattr(write, "body") else write


async def read(system: System, client: httpx.AsyncClient, author: Person, seen: Seen, over: asyncio.Event) -> None:
    url = f"{system.query}/api/v1/timeline/user/{author.user_id}"
    while not over.is_set():
        answer = await client.get(url, headers=author.headers)
        if answer.status_code != httpx.codes.OK:
            seen.wrong.append(f"{answer.status_code} {answer.text}")
            continue
        said = {tweet["content"].split()[0] for tweet in answer.json()["tweets"]}
        if len(said) != 1 or len(answer.json()["tweets"]) != TWEETS:
            seen.wrong.append(answer.text)
        seen.pages["+".join(sorted(said))] = seen.pages.get("+".join(sorted(said)), 0) + 1


async def followed(system: System, client: httpx.AsyncClient, number: int) -> float:
    """Return how long it takes until the query process reads this generation of everything."""
    began = time.monotonic()
    while True:
        told = (await client.get(f"{system.query}/projections")).json()["projections"]
        if {it["generation"] for it in told} == {number}:
            return time.monotonic() - began
        assert time.monotonic() - began < 30, told


async def swap(system: System, generations: Generations) -> tuple[Seen, list[float]]:
    seen, took = Seen({}, []), []
    async with httpx.AsyncClient(timeout=15) as client:
        author = await Person.register(system, client, "author")
        for number in range(TWEETS):
            answer = await author.command(client, "POST", "/tweets", content=f"first {number}")
            assert answer.status_code == httpx.codes.CREATED
        await asyncio.to_thread(system.wait_until_caught_up)
        await asyncio.to_thread(build_others, system, generations)
        async with gathered(system, "person", pause=0.5) as crowd, asyncio.TaskGroup() as tasks:
            over = asyncio.Event()
            for _ in range(READERS):
                tasks.create_task(read(system, client, author, seen, over))
            for turn in range(SWAPS):
                for projection in PROJECTIONS:
                    if turn:
                        await asyncio.to_thread(generations.rollback, projection.name)
                    else:
                        await asyncio.to_thread(generations.promote, projection.name, 2, force=True)
                took.append(await followed(system, client, 1 + (turn + 1) % 2))
            over.set()
        await asyncio.to_thread(system.wait_until_caught_up)
        await check(crowd)
        assert not crowd.queries.later
        assert crowd.queries.none == 0
    return seen, took


def test_readers_are_moved_between_generations_while_people_write(tmp_path: Path) -> None:
    with System(tmp_path / "data") as system:
        generations = Generations(FileGenerations(system.data / "projections"), SystemClock())
        seen, took = asyncio.run(swap(system, generations))
    assert seen.wrong == []
    assert seen.pages.keys() == set(GENERATIONS.values())
    print(f"pages: {seen.pages}; followed within {max(took):.2f} s")  # noqa: T201
    assert sorted(took)[SWAPS // 2] < FOLLOWED_WITHIN_SECONDS
