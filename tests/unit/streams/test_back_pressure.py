"""How far the transport reads ahead of a slow agent, and that the agent never waits for the reader."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from streams.app import StreamSettings, build_app, run_apps
from streams.transports.sqlog import FETCH_BATCHES
from tests.unit.streams.fakes import TOPIC, MemoryLog, MemoryStore, a_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

    from infra.log.port import Batch
    from streams.loop import ProjectionLoop

RECORDS = 4_000
SETTINGS = StreamSettings(batch_records=10)


class ReadAhead(MemoryLog):
    """Remembers by how much reading was ahead of the store."""

    def __init__(self, store: MemoryStore, partitions: int) -> None:
        super().__init__(partitions)
        self._store = store
        self._read = 0
        self.most = 0

    def read(self, topic: str, partition: int, offset: int, max_records: int) -> Batch | None:
        batch = super().read(topic, partition, offset, max_records)
        self._read += len(batch.values) if batch else 0
        self.most = max(self.most, self._read - len(self._store.written))
        return batch


async def slow(batches: AsyncIterable[Batch], loop: ProjectionLoop) -> None:
    async for batch in batches:
        for _ in range(20):  # turns of the event loop in which the reader could run ahead
            await asyncio.sleep(0)
        await loop.handle(batch)


@pytest.mark.parametrize("partitions", [1, 3])
async def test_a_slow_agent_bounds_what_is_read_and_is_never_left_without_work(
    monkeypatch: pytest.MonkeyPatch, partitions: int
) -> None:
    store = MemoryStore()
    log = ReadAhead(store, partitions)
    log.fill(range(RECORDS))
    app = build_app("slow", (TOPIC,), slow, a_loop(store), log, log, SETTINGS)
    expired: list[float] = []
    wait = asyncio.wait

    async def watched(aws: Any, *, timeout: float | None = None, **options: Any) -> Any:  # noqa: ASYNC109
        done, pending = await wait(aws, timeout=timeout, **options)
        if timeout and not done and len(store.written) < RECORDS:
            expired.append(timeout)
        return done, pending

    monkeypatch.setattr(asyncio, "wait", watched)
    stop = asyncio.Event()
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(run_apps([app], stop))
        await store.holds(RECORDS)
        stop.set()
    assert sorted(store.written) == list(range(RECORDS))
    assert log.most <= (SETTINGS.buffered_batches + 2 + FETCH_BATCHES) * SETTINGS.batch_records
    assert expired == []  # a time-out that ran out while there was work is a stall


async def test_room_in_a_full_partition_wakes_a_reader_that_waits_for_another() -> None:
    store = MemoryStore()
    log = MemoryLog(partitions=2)
    log.fill(range(0, RECORDS, 2))  # partition 0 only: partition 1 stays active, and empty
    app = build_app("slow", (TOPIC,), slow, a_loop(store), log, log, SETTINGS)
    stop = asyncio.Event()
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(run_apps([app], stop))
        await store.holds(RECORDS // 2)
        stop.set()
    assert log.timeouts == 0
