"""Stream workers keep up every generation that is followed, and begin and leave them while they work."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, asynccontextmanager, closing
from typing import TYPE_CHECKING

import apsw
import pytest
from prometheus_client import CollectorRegistry

from infra.clock import SystemClock
from infra.generations.changes import Generations
from infra.generations.files import FileGenerations
from infra.generations.record import State
from infra.log import embedded
from infra.log.port import Record
from infra.settings import Settings
from infra.sqlite.projection_store import generation_path
from infra.trouble import TroubleError
from projections.tweets.sqlite import SqliteTweetsReader, SqliteTweetsStore
from schemas.catalogue import DEAD_LETTERS
from schemas.codec import encode, topic_and_key
from streams import following
from streams.bootstrap import open_parts
from streams.decoded import DecodedBatches
from streams.following import Followers
from streams.metrics import StreamMetrics
from streams.projections import PROJECTIONS
from streams.writer_lock import WriterLock
from tests.builders import posted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from streams.parts import Projection

PATIENCE_SECONDS = 60.0
TWEETS = [it for it in PROJECTIONS if it.name == "tweets"]
THIS = TWEETS[0].schema_version
NEXT = THIS + 1


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, partitions=2)


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "LOOK_SECONDS", 0.02)


@pytest.fixture
def generations(settings: Settings) -> Generations:
    return Generations(FileGenerations(settings.projections_dir), SystemClock())


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@asynccontextmanager
async def worker(
    settings: Settings, registry: CollectorRegistry, wanted: Sequence[Projection] = tuple(TWEETS)
) -> AsyncIterator[Followers]:
    """Follow tweets while the block runs."""
    with ExitStack() as open_things:
        parts = open_parts(settings, wanted, open_things)
        followers = Followers(parts, wanted, DecodedBatches(), StreamMetrics(registry), settings)
        stop = asyncio.Event()
        running = asyncio.create_task(followers.run(stop))
        try:
            yield followers
        finally:
            stop.set()
            await asyncio.wait_for(running, PATIENCE_SECONDS)


async def until(condition: Callable[[], bool]) -> None:
    """Wait here, in the event loop: the worker's connections are not for other threads."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - nobody announces it
            await asyncio.sleep(0.01)


async def append(settings: Settings, *values: bytes) -> None:
    partitions = {topic: settings.partitions for topics in embedded.PARTS.values() for topic in topics}
    embedded.ensure(settings.log_dir, partitions)
    with closing(embedded.open_appender(settings.log_dir, "facts", partitions)) as log:
        await log.append([Record("tweets", 1, value) for value in values])


def tweet(number: int) -> bytes:
    event = posted(1, number)
    assert topic_and_key(event)[0] == "tweets"
    return encode(event)


def holds(settings: Settings, generation: int, *numbers: int) -> Callable[[], bool]:
    """Return what tells whether a generation holds these tweets."""
    path = generation_path(settings.projections_dir, "tweets", generation)

    def look() -> bool:
        try:
            reader = SqliteTweetsReader(path)
        except apsw.Error:  # not there yet, or only just being made
            return False
        with closing(reader):
            return set(reader.many(numbers)) == set(numbers)

    return look


def begun(generations: Generations, version: int = THIS) -> int:
    number = generations.begin("tweets", version)
    generations.mark("tweets", number, State.FOLLOWING)
    return number


def numbers_of(followers: Followers) -> dict[int, bool]:
    """Return the generations that are followed, and whether each is taken for the active one."""
    return {it.loop.generation: it.loop.active for it in followers}


def lag(registry: CollectorRegistry, generation: int) -> float | None:
    of = {"projection": "tweets", "generation": str(generation)}
    return registry.get_sample_value("murmur_projection_lag_events", of)


async def test_all_that_are_followed_are_kept_up_whichever_is_active(
    settings: Settings, generations: Generations, registry: CollectorRegistry
) -> None:
    await append(settings, tweet(10))
    async with worker(settings, registry) as followers:
        await until(holds(settings, 1, 10))
        begun(generations)
        await until(holds(settings, 2, 10))
        assert numbers_of(followers) == {1: True, 2: False}
        generations.promote("tweets", 2, force=True)
        await append(settings, tweet(11))
        await until(holds(settings, 1, 10, 11))
        await until(holds(settings, 2, 10, 11))
        await until(lambda: numbers_of(followers) == {1: False, 2: True})
        await until(lambda: lag(registry, 2) == 0)
        generations.drop("tweets", 1, also_previous=True)
        await until(lambda: numbers_of(followers) == {2: True})
        with closing(WriterLock(generation_path(settings.projections_dir, "tweets", 1))):  # given back
            await append(settings, tweet(12))
            await until(holds(settings, 2, 10, 11, 12))
        assert not holds(settings, 1, 12)()
    assert lag(registry, 1) is None


async def test_a_record_has_one_letter_however_many_generations_meet_it(
    settings: Settings, generations: Generations, registry: CollectorRegistry
) -> None:
    begun(generations)
    await append(settings, tweet(10), b"no event", tweet(11))
    async with worker(settings, registry):
        await until(holds(settings, 1, 10, 11))
        await until(holds(settings, 2, 10, 11))
        begun(generations)
        await until(holds(settings, 3, 10, 11))
    with closing(embedded.EmbeddedLogReader(settings.log_dir)) as log:
        assert sum(log.end_offsets((DEAD_LETTERS,)).values()) == 1


async def test_one_that_another_process_writes_is_followed_once_it_lets_go(
    settings: Settings, generations: Generations, registry: CollectorRegistry
) -> None:
    await append(settings, tweet(10))
    number = begun(generations)
    with ExitStack() as builder:
        builder.enter_context(closing(WriterLock(generation_path(settings.projections_dir, "tweets", number))))
        async with worker(settings, registry) as followers:
            await until(holds(settings, 1, 10))
            assert numbers_of(followers) == {1: True}
            builder.close()
            await until(holds(settings, number, 10))


async def test_a_damaged_file_is_told_and_the_others_go_on(
    settings: Settings, generations: Generations, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    await append(settings, tweet(10))
    path = generation_path(settings.projections_dir, "tweets", begun(generations))
    path.write_bytes(b"no database" * 1000)
    async with worker(settings, registry) as followers:
        await until(holds(settings, 1, 10))
        assert numbers_of(followers) == {1: True}
    assert [line for line in caplog.messages if f"{path} cannot be opened (NotADBError" in line]


async def test_where_none_can_be_followed_the_worker_does_not_start(
    settings: Settings, registry: CollectorRegistry
) -> None:
    lock = WriterLock(generation_path(settings.projections_dir, "tweets"))
    with closing(lock), pytest.raises(TroubleError, match="tweets/g1 is written by another process"):
        async with worker(settings, registry) as followers:
            await until(lambda: bool(numbers_of(followers)))


async def test_what_is_of_another_version_is_told_and_passed_by(
    settings: Settings, generations: Generations, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    await append(settings, tweet(10))
    begun(generations, version=NEXT)
    generations.promote("tweets", 2, force=True)
    async with worker(settings, registry) as followers:
        await until(holds(settings, 1, 10))
        assert numbers_of(followers) == {1: False}
    told = [line for line in caplog.messages if f"of version {NEXT}" in line]
    what = f"active, of version {NEXT}, and not kept up by this program, which is of version {THIS} and keeps up 1"
    assert told == [f"tweets (generation 2): {what}; run the other one, too"]


class NewerStore(SqliteTweetsStore):
    SCHEMA_VERSION = NEXT


async def test_workers_of_two_versions_keep_up_each_their_own(
    settings: Settings, generations: Generations, registry: CollectorRegistry
) -> None:
    newer = TWEETS[0]._replace(schema_version=NEXT, open_store=lambda path, log_id, _: NewerStore(path, log_id))
    await append(settings, tweet(10))
    async with worker(settings, registry) as old:
        await until(holds(settings, 1, 10))
        number = begun(generations, version=NEXT)
        async with worker(settings, CollectorRegistry(), [newer]) as new:
            await until(holds(settings, number, 10))
            generations.promote("tweets", number, force=True)
            await append(settings, tweet(11))
            await until(holds(settings, 1, 11))
            await until(holds(settings, number, 11))
            await until(lambda: (numbers_of(old), numbers_of(new)) == ({1: False}, {number: True}))


def test_the_versions_of_projections_are_those_of_their_stores_and_readers(settings: Settings, tmp_path: Path) -> None:
    from query_api.bootstrap import READERS  # noqa: PLC0415 - only to compare

    for projection in PROJECTIONS:
        with closing(projection.open_store(tmp_path / projection.name / "g1.db", "a-log", settings)) as store:
            versions = {projection.schema_version, store.SCHEMA_VERSION, READERS[projection.name].SCHEMA_VERSION}  # type: ignore[attr-defined]
            assert len(versions) == 1, projection.name
