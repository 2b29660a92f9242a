"""Agents through Faust, the transport and the loop, on a log in memory: no broker, no files."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from infra.log.port import LogCorruptError, Record, TopicPartition
from infra.projections import StoreUnavailableError
from streams.app import StreamSettings, build_app, run_apps
from streams.errors import AppCrashedError, CheckpointError
from tests.unit.streams.fakes import TOPIC, UNDECODABLE, MemoryDeadLetters, MemoryLog, MemoryStore, Sleeps, a_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator

    from infra.log.port import Batch
    from streams.app import ProjectionApp
    from streams.loop import ProjectionLoop

PATIENCE_SECONDS = 60.0
DEFAULTS = StreamSettings()


async def an_agent(batches: AsyncIterable[Batch], loop: ProjectionLoop) -> None:
    async for batch in batches:
        await loop.handle(batch)


def an_app(log: MemoryLog, loop: ProjectionLoop, settings: StreamSettings = DEFAULTS) -> ProjectionApp:
    return build_app(loop.name, (TOPIC,), an_agent, loop, log, log, settings)


@asynccontextmanager
async def running(*apps: ProjectionApp) -> AsyncIterator[None]:
    stop = asyncio.Event()
    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as tasks:
        tasks.create_task(run_apps(apps, stop))
        yield
        stop.set()


async def test_an_agent_gets_what_is_there_and_what_comes() -> None:
    log, store = MemoryLog(partitions=4), MemoryStore()
    log.fill(range(1_000))
    async with running(an_app(log, a_loop(store), StreamSettings(batch_records=100))):
        await store.holds(1_000)
        log.fill(range(1_000, 1_010))
        await store.holds(1_010)
    assert sorted(store.written) == list(range(1_010))
    assert max(span.end - span.start for span in store.spans) == 100


@pytest.mark.parametrize("checkpoint", [0, 1, 99, 100, 101, 250, 300])
async def test_reading_starts_at_the_stores_checkpoint(checkpoint: int) -> None:
    log, store = MemoryLog(), MemoryStore({TopicPartition(TOPIC, 0): checkpoint} if checkpoint else None)
    log.fill(range(300))
    async with running(an_app(log, a_loop(store), StreamSettings(batch_records=100))):
        await store.holds(300 - checkpoint)
        log.fill([300])
        await store.holds(301 - checkpoint)
    assert store.written == list(range(checkpoint, 301))


async def test_a_checkpoint_beyond_the_end_of_the_log_is_refused() -> None:
    log, store = MemoryLog(), MemoryStore({TopicPartition(TOPIC, 0): 6})
    log.fill(range(5))
    with pytest.raises(AppCrashedError) as crashed:
        await run_apps([an_app(log, a_loop(store))])
    assert isinstance(crashed.value.__cause__, CheckpointError)
    assert store.spans == []


async def test_poison_and_a_busy_store_do_not_stop_the_partition() -> None:
    log, store, dead = MemoryLog(), MemoryStore(), MemoryDeadLetters()
    store.failures = [StoreUnavailableError("busy"), StoreUnavailableError("busy")]
    store.rejected = {12}
    log.fill(range(20))
    log.put([Record(TOPIC, 20, UNDECODABLE)])
    log.fill(range(21, 30))
    sleeps = Sleeps()
    async with running(an_app(log, a_loop(store, dead, sleep=sleeps))):
        await store.holds(28)
    assert store.written == [number for number in range(30) if number not in (12, 20)]
    assert [letter.position.offset for _, letter in dead.letters] == [20, 12]
    assert len(sleeps.seconds) == 2


async def test_an_agent_that_raises_ends_the_process_and_its_batch_is_not_acknowledged() -> None:
    log, store = MemoryLog(), MemoryStore()

    async def careless(batches: AsyncIterable[Batch], loop: ProjectionLoop) -> None:
        async for batch in batches:
            if batch.base_offset == 20:
                raise ValueError("not the loop's doing")
            await loop.handle(batch)

    log.fill(range(50))
    app = build_app("careless", (TOPIC,), careless, a_loop(store), log, log, StreamSettings(batch_records=10))
    with pytest.raises(AppCrashedError, match="not the loop's doing"):
        await run_apps([app])
    assert store.written == list(range(20))
    assert app.consumer._committed_offset[TopicPartition(TOPIC, 0)] == 20


async def test_a_stop_under_load_finishes_the_batch_in_hand_and_a_restart_goes_on() -> None:
    log, store = MemoryLog(partitions=3), MemoryStore()
    log.fill(range(3_000))
    for wanted in (1, 500, 1_500, 3_000):
        async with running(an_app(log, a_loop(store), StreamSettings(batch_records=50))):
            await store.holds(wanted)
        assert sum(store.next.values()) == len(store.written)
    assert sorted(store.written) == list(range(3_000))


async def test_a_stop_waits_for_the_batch_in_hand() -> None:
    log, store = MemoryLog(), MemoryStore()
    in_hand, go_on = asyncio.Event(), asyncio.Event()

    async def held(batches: AsyncIterable[Batch], loop: ProjectionLoop) -> None:
        async for batch in batches:
            in_hand.set()
            await go_on.wait()
            await loop.handle(batch)

    log.fill(range(30))
    app = build_app("held", (TOPIC,), held, a_loop(store), log, log, StreamSettings(batch_records=10))
    async with running(app):
        await in_hand.wait()
        asyncio.get_running_loop().call_later(0.01, go_on.set)
    assert store.written == list(range(10))
    assert app.consumer._committed_offset[TopicPartition(TOPIC, 0)] == 10


async def test_a_rebalance_under_load_loses_and_doubles_nothing() -> None:
    log, store = MemoryLog(partitions=3), MemoryStore()
    log.fill(range(3_000))

    async def slow(batches: AsyncIterable[Batch], loop: ProjectionLoop) -> None:
        async for batch in batches:
            for _ in range(20):  # so that batches queue up, which the rebalance throws away
                await asyncio.sleep(0)
            await loop.handle(batch)

    app = build_app("slow", (TOPIC,), slow, a_loop(store), log, log, StreamSettings(batch_records=10))
    async with running(app):
        for wanted in (100, 1_000, 2_000):
            await store.holds(wanted)
            await app.consumer._rebalance([TOPIC])
        await store.holds(3_000)
    assert sorted(store.written) == list(range(3_000))
    committed = {part: app.consumer._committed_offset[part] for part in app.consumer.assignment()}
    assert committed == store.next


async def test_several_apps_in_one_event_loop_each_get_every_record() -> None:
    log = MemoryLog(partitions=4)
    stores = [MemoryStore() for _ in range(8)]
    log.fill(range(2_000))
    apps = [an_app(log, a_loop(store, name=f"app-{number}")) for number, store in enumerate(stores)]
    async with running(*apps):
        for store in stores:
            await store.holds(2_000)
        log.fill(range(2_000, 2_010))
        for store in stores:
            await store.holds(2_010)
    assert all(sorted(store.written) == list(range(2_010)) for store in stores)


async def test_one_dead_app_ends_them_all() -> None:
    log = MemoryLog()
    good, bad = MemoryStore(), MemoryStore({TopicPartition(TOPIC, 0): 99})
    log.fill(range(5))
    with pytest.raises(AppCrashedError, match="murmur-bad"):
        await run_apps([an_app(log, a_loop(good, name="good")), an_app(log, a_loop(bad, name="bad"))])


async def test_a_log_that_cannot_be_read_ends_the_app() -> None:
    class Torn(MemoryLog):
        def read(self, topic: str, partition: int, offset: int, max_records: int) -> Batch | None:
            if offset >= 20:
                raise LogCorruptError(f"{topic}/{partition} offset {offset}")
            return super().read(topic, partition, offset, max_records)

    log, store = Torn(), MemoryStore()
    log.fill(range(50))
    with pytest.raises(AppCrashedError) as crashed:
        await run_apps([an_app(log, a_loop(store), StreamSettings(batch_records=10))])
    assert isinstance(crashed.value.__cause__, LogCorruptError)
    assert store.written == list(range(len(store.written)))


async def test_a_store_that_stays_down_does_not_hold_up_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    log, store, down = MemoryLog(), MemoryStore(), asyncio.Event()

    class Forever(Sleeps):
        async def __call__(self, seconds: float) -> None:
            await super().__call__(seconds)
            down.set()
            await asyncio.Event().wait()

    monkeypatch.setattr("streams.app.STOP_SECONDS", 0.05)
    store.failures = [StoreUnavailableError("down")]
    log.fill(range(30))
    app = an_app(log, a_loop(store, sleep=Forever()))
    async with running(app):
        await down.wait()
    assert store.spans == []
    assert app.consumer._committed_offset[TopicPartition(TOPIC, 0)] in (0, None)
