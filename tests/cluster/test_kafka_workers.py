"""Stream workers on a real Kafka under load: killed, added and removed, and while the broker is killed."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra.log.kafka import KafkaEventLog
from infra.log.port import LogUnavailableError, Record
from tests.cluster.kafka_log import make_topics_anew
from tests.cluster.kafka_worker import TOPIC, NotingStore
from tests.unit.streams.fakes import value

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from infra.servers import Fleet
    from infra.settings import Settings

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]
PARTITIONS = 4
AT_ONCE = 50
PAUSE_S = 0.02  # 2,500 records a second: load enough to be hit by a kill, little enough for two busy cores
BOUND_S = 60.0


class Load:
    """Appends numbered events as long as it is asked to; those that failed are repeated, as commands do."""

    def __init__(self, bootstrap: str) -> None:
        self._log = KafkaEventLog(bootstrap)
        self.acknowledged = 0
        self.repeated = 0
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while not self._stop.is_set():
            numbers = range(self.acknowledged, self.acknowledged + AT_ONCE)
            try:
                await self._log.append([Record(TOPIC, number, value(number)) for number in numbers])
            except LogUnavailableError:
                self.repeated += AT_ONCE
            else:
                self.acknowledged += AT_ONCE
            await asyncio.sleep(PAUSE_S)

    async def end(self) -> int:
        """Stop appending; return how many were acknowledged."""
        self._stop.set()
        await self._task
        self._log.close()
        return self.acknowledged


@pytest.fixture
async def load(cluster: Settings) -> AsyncIterator[Load]:
    make_topics_anew(cluster.kafka_bootstrap, {TOPIC: PARTITIONS})
    running = Load(cluster.kafka_bootstrap)
    async with asyncio.timeout(BOUND_S):
        yield running
    await running.end()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[NotingStore]:
    with contextlib.closing(NotingStore(tmp_path)) as opened:
        yield opened


class Workers:
    """Starts workers on one folder, and ends those that are left."""

    def __init__(self, folder: Path, bootstrap: str) -> None:
        self._arguments = ["-m", "tests.cluster.kafka_worker", str(folder), bootstrap]
        self._all: list[asyncio.subprocess.Process] = []

    async def start(self, *instance: str) -> asyncio.subprocess.Process:
        worker = await asyncio.create_subprocess_exec(
            sys.executable, *self._arguments, *instance, cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        self._all.append(worker)
        return worker

    async def end(self) -> None:
        for worker in self._all:
            if worker.returncode is None:
                worker.kill()
            await worker.communicate()


@pytest.fixture
async def workers(tmp_path: Path, cluster: Settings) -> AsyncIterator[Workers]:
    started = Workers(tmp_path, cluster.kafka_bootstrap)
    yield started
    await started.end()


async def batches(worker: asyncio.subprocess.Process, count: int) -> None:
    """Wait until the worker has applied so many batches more."""
    assert worker.stdout is not None
    for _ in range(count):
        assert await worker.stdout.readline() == b"applied\n"


async def kill(worker: asyncio.subprocess.Process, number: signal.Signals = signal.SIGKILL) -> int:
    worker.send_signal(number)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(20):
            await worker.communicate()
    assert worker.returncode is not None
    return worker.returncode


async def until(reached: Callable[[], bool]) -> None:
    begun = time.monotonic()
    while not reached():
        await asyncio.sleep(0.05)
        assert time.monotonic() - begun < BOUND_S


async def test_nothing_is_lost_or_doubled_by_kills_of_the_worker(
    load: Load, store: NotingStore, workers: Workers
) -> None:
    for count in (3, 10, 5):
        worker = await workers.start("one")
        await batches(worker, count)
        assert await kill(worker) == -signal.SIGKILL
    worker = await workers.start("one")
    await batches(worker, 5)
    count = await load.end()
    await until(lambda: len(store.noted()) >= count)
    assert store.noted() == list(range(count))


async def test_nothing_acknowledged_is_lost_by_a_kill_of_the_broker(
    load: Load, store: NotingStore, workers: Workers, servers: Fleet
) -> None:
    worker = await workers.start("one")
    await batches(worker, 5)
    await asyncio.to_thread(servers.kill, "kafka")
    await asyncio.to_thread(servers.start, "kafka")
    back = load.acknowledged
    await until(lambda: load.acknowledged > back + 500)
    count = await load.end()
    await until(lambda: len(set(store.noted())) >= count)
    assert worker.returncode is None
    noted = store.noted()
    assert set(noted) == set(range(count))
    assert len(noted) <= count + load.repeated


async def test_partitions_move_between_workers_that_come_and_go(
    load: Load, store: NotingStore, workers: Workers, record_property: Callable[[str, object], None]
) -> None:
    first = await workers.start()
    await batches(first, 3)
    second = await workers.start()
    await batches(second, 3)
    assert await kill(first, signal.SIGTERM) == 0
    third = await workers.start()
    await batches(third, 3)
    assert await kill(second) == -signal.SIGKILL
    dead_at, appended = time.monotonic(), load.acknowledged
    await until(lambda: load.acknowledged >= appended + 500)  # some for each partition that the dead one held
    count = await load.end()
    await until(lambda: len(store.noted()) >= count)
    record_property("seconds until a killed worker's partitions were caught up", round(time.monotonic() - dead_at, 1))
    assert store.noted() == list(range(count))


async def test_a_worker_that_wakes_after_its_partitions_were_given_away_doubles_nothing(
    load: Load, store: NotingStore, workers: Workers
) -> None:
    frozen = await workers.start()
    await batches(frozen, 3)
    frozen.send_signal(signal.SIGSTOP)  # as a machine that swaps, or a virtual one that is moved
    heir = await workers.start()
    await batches(heir, 10)
    frozen.send_signal(signal.SIGCONT)
    appended = load.acknowledged
    await until(lambda: load.acknowledged >= appended + 500)
    count = await load.end()
    await until(lambda: len(store.noted()) >= count)
    assert heir.returncode is None
    assert frozen.returncode is None
    assert store.noted() == list(range(count))
