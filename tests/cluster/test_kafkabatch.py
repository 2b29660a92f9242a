"""The transport on a real Kafka: where it begins, what it refuses, and how it parts batches."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient

from infra.log.kafka import KafkaEventLog
from infra.log.kafka_reader import KafkaLogReader
from infra.log.kafka_topics import client_config
from infra.log.partitioner import NO_KEY, key_bytes, keys_of, partition_of
from infra.log.port import Batch, Record, TopicPartition
from streams.app import StreamSettings, build_cluster_app, run_apps
from streams.errors import AppCrashedError, CheckpointError
from tests.cluster.kafka_log import make_topics_anew
from tests.unit.streams.fakes import MemoryStore, a_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Mapping

    from infra.settings import Settings
    from streams.app import ProjectionApp
    from streams.loop import ProjectionLoop

pytestmark = pytest.mark.cluster

TOPIC = "follows"
PARTITIONS = 3
KEY = 7
HOME = TopicPartition(TOPIC, partition_of(KEY, PARTITIONS))
BATCH_RECORDS = 20
BOUND_S = 40.0


@pytest.fixture
def bootstrap(cluster: Settings) -> str:
    make_topics_anew(cluster.kafka_bootstrap, {TOPIC: PARTITIONS})
    return cluster.kafka_bootstrap


async def append(bootstrap: str, values: list[bytes], key: int = KEY) -> None:
    with contextlib.closing(KafkaEventLog(bootstrap)) as log:
        await log.append([Record(TOPIC, key, value) for value in values])


async def read(
    bootstrap: str,
    name: str,
    enough: Callable[[list[Batch]], bool],
    checkpoints: Mapping[TopicPartition, int] | None = None,
) -> list[Batch]:
    """Run an app until what its agent was given is enough."""
    given: list[Batch] = []
    stop = asyncio.Event()

    async def agent(batches: AsyncIterable[Batch], loop: ProjectionLoop) -> None:
        del loop
        async for batch in batches:
            given.append(batch)
            if enough(given):
                stop.set()

    loop = a_loop(MemoryStore(checkpoints))
    app = build_cluster_app(
        name, (TOPIC,), agent, loop, bootstrap, settings=StreamSettings(batch_records=BATCH_RECORDS)
    )
    async with asyncio.timeout(BOUND_S):
        await run_apps([app], stop)
    return given


def records(batches: list[Batch]) -> int:
    return sum(len(batch.values) for batch in batches)


@pytest.mark.parametrize("committed", [None, 20, 80])
async def test_reading_begins_at_the_checkpoint_whatever_kafka_has_committed(
    bootstrap: str, committed: int | None
) -> None:
    await append(bootstrap, [b"%d" % n for n in range(100)])
    name = f"beginning-{committed}"
    if committed is not None:
        group = Consumer(client_config(bootstrap, {"group.id": f"murmur-{name}", "enable.auto.commit": False}))
        group.commit(offsets=[KafkaPartition(*HOME, committed)], asynchronous=False)
        group.close()
    given = await read(bootstrap, name, lambda batches: records(batches) >= 50, {HOME: 50})
    assert [value for batch in given for value in batch.values] == [b"%d" % n for n in range(50, 100)]
    assert [batch.base_offset for batch in given] == [50, 70, 90]
    assert {key for batch in given for key in batch.keys} == {KEY}
    assert {batch.partition for batch in given} == {HOME.partition}


async def test_a_checkpoint_beyond_the_end_or_before_the_beginning_is_refused(bootstrap: str) -> None:
    await append(bootstrap, [b"%d" % n for n in range(10)])
    admin = AdminClient(client_config(bootstrap))
    for done in admin.delete_records([KafkaPartition(*HOME, 4)]).values():
        done.result()
    for checkpoint in (11, 3):
        with pytest.raises(AppCrashedError) as crashed:
            await read(bootstrap, f"refused-{checkpoint}", lambda _: False, {HOME: checkpoint})
        assert isinstance(crashed.value.__cause__, CheckpointError)
        assert f"up to {checkpoint}, but the log holds 4 to 10" in str(crashed.value.__cause__)


async def test_batches_end_at_offsets_that_have_no_record(bootstrap: str) -> None:
    producer = Producer(client_config(bootstrap, {"transactional.id": "gaps"}))
    producer.init_transactions()
    for _ in range(3):
        producer.begin_transaction()
        for n in range(5):
            producer.produce(TOPIC, b"%d" % n, key_bytes(KEY), HOME.partition)
        producer.commit_transaction()  # a mark that takes an offset of its own, as compaction leaves holes
    given = await read(bootstrap, "gaps", lambda batches: records(batches) >= 15)
    assert [(batch.base_offset, len(batch.values)) for batch in given] == [(0, 5), (6, 5), (12, 5)]
    with contextlib.closing(KafkaLogReader(bootstrap, [TOPIC])) as reader:
        found = [reader.read(*HOME, offset, 100) for offset in (0, 5, 7, 12)]
        assert [(batch.base_offset, len(batch.values)) for batch in found if batch] == [(0, 5), (6, 5), (7, 4), (12, 5)]
        assert reader.read(*HOME, 18, 100) is None


async def test_large_records_come_whole_and_empty_partitions_hold_nobody_up(bootstrap: str) -> None:
    values = [bytes([n]) * 1_000_000 for n in range(8)]
    await append(bootstrap, values)
    given = await read(bootstrap, "large", lambda batches: records(batches) >= 8)
    assert [value for batch in given for value in batch.values] == values


async def test_every_partition_is_read_and_keys_are_told(bootstrap: str) -> None:
    with contextlib.closing(KafkaEventLog(bootstrap)) as log:
        await log.append([Record(TOPIC, key, b"%d" % key) for key in range(200)])
    given = await read(bootstrap, "every", lambda batches: records(batches) >= 200)
    assert Counter(key for batch in given for key in batch.keys) == Counter(range(200))
    assert all(b"%d" % key == value for batch in given for key, value in zip(batch.keys, batch.values, strict=True))
    assert {batch.partition for batch in given} == set(range(PARTITIONS))
    assert max(len(batch.values) for batch in given) <= BATCH_RECORDS


def settled(app: ProjectionApp) -> bool:
    return bool(app.consumer_generation_id and not app.rebalancing)


async def test_more_workers_than_partitions_do_no_harm(bootstrap: str) -> None:
    await append(bootstrap, [b"%d" % n for n in range(10)])
    stop, given = asyncio.Event(), set[bytes]()

    async def agent(batches: AsyncIterable[Batch], loop: ProjectionLoop) -> None:
        del loop
        async for batch in batches:
            given.update(batch.values)

    apps = [
        build_cluster_app("many", (TOPIC,), agent, a_loop(MemoryStore()), bootstrap, f"worker-{number}")
        for number in range(PARTITIONS + 1)
    ]
    async with asyncio.timeout(BOUND_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(run_apps(apps, stop))
        while len(given) < 10 or not all(settled(app) for app in apps):  # noqa: ASYNC110 - Faust has no event for it
            await asyncio.sleep(0.05)
        owned = [at for app in apps for at in app.owned()]
        assert sorted(owned) == [(TOPIC, partition) for partition in range(PARTITIONS)]
        stop.set()
    assert given == {b"%d" % n for n in range(10)}


def test_keys_that_are_not_ours_do_not_hide_those_that_are() -> None:
    assert keys_of([key_bytes(1), key_bytes((1 << 63) - 1)]) == [1, (1 << 63) - 1]
    assert keys_of([key_bytes(1), None, b"short", key_bytes(2)]) == [1, NO_KEY, NO_KEY, 2]
    assert keys_of([b"", b"twice the length"]) == [NO_KEY, NO_KEY]
    assert keys_of([]) == []
