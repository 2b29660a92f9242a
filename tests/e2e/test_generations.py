"""Readers are moved between generations while people write and read: nobody is refused, and no page mixes two."""

from __future__ import annotations

import asyncio
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from infra.clock import SystemClock
from infra.generations.changes import Generations
from infra.generations.files import FileGenerations
from infra.generations.record import UNKNOWN_VERSION, State
from infra.log.port import Span
from infra.projections import Placed, placed
from infra.sqlite.projection_store import generation_path
from infra.status import kept
from schemas.codec import decode
from streams.projections import PROJECTIONS
from tests.e2e.checks import check
from tests.e2e.crowd import gathered
from tests.e2e.people import Person

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from infra.generations.record import Kept
    from infra.log.port import LogReader
    from infra.projections import ProjectionStore
    from schemas.envelope import Event
    from streams.parts import Projection
    from tests.e2e.conftest import Starting
    from tests.e2e.system import System

SWAPS = 20
TWEETS = 20
TWEETS_PROJECTION = next(it for it in PROJECTIONS if it.name == "tweets")
READERS = 3
FOLLOWED_WITHIN_SECONDS = 1.0
GENERATIONS = {1: "first", 2: "second"}


class Seen(NamedTuple):
    """What readers were shown: how many pages of each generation, and what no reader may be shown."""

    pages: dict[str, int]
    wrong: list[str]


class Place(NamedTuple):
    """Where a system records generations, and how another one of tweets is opened to be filled by hand."""

    records: Kept
    make: Callable[[str, int], None]
    open_tweets: Callable[[int, str], ProjectionStore]
    project: Callable[[Sequence[Event]], Sequence[Any]]
    projections: Sequence[Projection]


@contextmanager
def place_of(system: System) -> Iterator[Place]:
    settings = system.settings
    projections = [it for it in PROJECTIONS if it.name in kept(settings)]
    if settings.profile == "cluster":
        from tests.e2e.generations_on_servers import place  # noqa: PLC0415 - its clients are installed with servers

        with place(settings) as found:
            yield Place(*found, placed(TWEETS_PROJECTION.project), projections)
        return

    def open_tweets(number: int, log_id: str) -> ProjectionStore:
        path = generation_path(settings.projections_dir, "tweets", number)
        return TWEETS_PROJECTION.open_store(path, log_id, settings)

    records = FileGenerations(settings.projections_dir)
    yield Place(records, lambda *_: None, open_tweets, TWEETS_PROJECTION.project, projections)


def build_others(system: System, place: Place, generations: Generations) -> None:
    """Build another generation of every projection; in that of tweets, all that was posted by now reads `second`."""
    for projection in place.projections:
        number = generations.begin(projection.name, UNKNOWN_VERSION)
        place.make(projection.name, number)
        if projection is TWEETS_PROJECTION:
            fill(system, place, number)
        generations.mark(projection.name, number, State.FOLLOWING)


def fill(system: System, place: Place, number: int) -> None:
    with system.log() as log, closing(place.open_tweets(number, log_id_of(log))) as store:
        for partition in range(log.partitions("tweets")):
            offset = 0
            while batch := log.read("tweets", partition, offset, 1000):
                writes = place.project([decode(value) for value in batch.values])
                store.apply([renamed(it) for it in writes], Span("tweets", partition, offset, batch.next_offset))
                offset = batch.next_offset


def log_id_of(log: LogReader) -> str:
    """Return what the store of tweets calls its log: on Kafka, its topics."""
    of_topics: Callable[[Sequence[str]], str] | None = getattr(log, "log_id_of", None)
    return log.log_id if of_topics is None else of_topics(TWEETS_PROJECTION.topics)


def renamed(write: Any) -> Any:
    if isinstance(write, Placed):
        return write._replace(write=renamed(write.write))
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
        assert time.monotonic() - began < 60, told


async def swap(system: System, place: Place) -> tuple[Seen, list[float]]:
    generations = Generations(place.records, SystemClock())
    seen, took = Seen({}, []), []
    async with httpx.AsyncClient(timeout=15) as client:
        author = await Person.register(system, client, "author")
        for number in range(TWEETS):
            answer = await author.command(client, "POST", "/tweets", content=f"first {number}")
            assert answer.status_code == httpx.codes.CREATED
        await asyncio.to_thread(system.wait_until_caught_up)
        await asyncio.to_thread(build_others, system, place, generations)
        async with gathered(system, "person", pause=0.5) as crowd, asyncio.TaskGroup() as tasks:
            over = asyncio.Event()
            for _ in range(READERS):
                tasks.create_task(read(system, client, author, seen, over))
            for turn in range(SWAPS):
                for projection in place.projections:
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


def test_readers_are_moved_between_generations_while_people_write(starting: Starting, tmp_path: Path) -> None:
    with starting(tmp_path / "data") as system, place_of(system) as place:
        seen, took = asyncio.run(swap(system, place))
    assert seen.wrong == []
    assert seen.pages.keys() == set(GENERATIONS.values())
    print(f"pages: {seen.pages}; followed within {sorted(took)[SWAPS // 2]:.2f} s, {max(took):.2f}")  # noqa: T201
    assert min(took) < FOLLOWED_WITHIN_SECONDS  # of twenty: other programs may have the machine
