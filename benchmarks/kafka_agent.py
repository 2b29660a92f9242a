"""Measures records per CPU-second through an agent on Kafka: `python -m benchmarks.kafka_agent`.

Beside it, in the same run and over the same records: bare aiokafka, `getmany` and decode in a loop (the ceiling). And
what an append of one event costs, from 64 clients at once. It starts a broker of its own; only the CPU of the measuring
process is counted. Needs the extra `cluster`.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition
from prometheus_client import CollectorRegistry

from benchmarks.records_through_agent import LIKES_PER_TWEET, UNIT, CountingStore, NoLetters, a_like, a_tweet, kinds_of
from benchmarks.row import Row
from infra.log import kafka_topics
from infra.log.kafka import KafkaEventLog
from infra.log.port import Record
from infra.servers import running
from schemas.codec import decode, encode, topic_and_key
from schemas.ids import SnowflakeGenerator
from streams.app import StreamSettings, build_cluster_app, collect_garbage_rarely, run_apps
from streams.dead_letters import DeadLetters
from streams.decoded import DecodedBatches
from streams.loop import ProjectionLoop
from streams.metrics import StreamMetrics
from streams.transports.kafkabatch import MAX_FETCH_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable

    from infra.log.port import Batch
    from schemas.envelope import Event

PARTITIONS = 4
RECORDS = 200_000
ROUNDS = 3
GOAL = "at least 0.75 of bare aiokafka"
CLIENTS = 64
APPENDS = 20_000
APPEND_GOAL = "a small part of the 667 µs that a post may cost"


class Input(NamedTuple):
    """Where the records are."""

    bootstrap: str
    topic: str


async def _fill(bootstrap: str, make: Callable[[int], Event]) -> Input:
    ids = SnowflakeGenerator(1, lambda: 1_800_000_000_000)
    events = [make(ids.next_id()) for _ in range(RECORDS)]
    topic = topic_and_key(events[0])[0]
    kafka_topics.ensure(bootstrap, {topic: PARTITIONS})
    log = KafkaEventLog(bootstrap)
    for first in range(0, RECORDS, 10_000):
        chunk = events[first : first + 10_000]
        await log.append([Record(*topic_and_key(event), encode(event)) for event in chunk])
    log.close()
    return Input(bootstrap, topic)


async def _bare(given: Input) -> float:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=given.bootstrap,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=MAX_FETCH_BYTES,
    )
    await consumer.start()
    consumer.assign([TopicPartition(given.topic, partition) for partition in range(PARTITIONS)])
    began = records = 0.0
    while records < RECORDS:
        fetched = await consumer.getmany(timeout_ms=1_000, max_records=StreamSettings().batch_records)
        began = began or time.process_time()
        records += sum(len([decode(record.value) for record in batch]) for batch in fetched.values())
    ended = time.process_time()
    await consumer.stop()
    return records / (ended - began)


async def _agent(given: Input) -> float:
    stop = asyncio.Event()
    store = CountingStore(RECORDS, stop)
    dead_letters = DeadLetters(NoLetters(), SnowflakeGenerator(1, lambda: 1))
    loop = ProjectionLoop("bench", kinds_of, store, dead_letters, DecodedBatches(), StreamMetrics(CollectorRegistry()))

    async def agent(batches: AsyncIterable[Batch], loop: ProjectionLoop) -> None:
        async for batch in batches:
            store.began = store.began or time.process_time()
            await loop.handle(batch)

    name = f"bench-{uuid.uuid4().hex}"  # a group of its own, which has committed nothing
    await run_apps([build_cluster_app(name, (given.topic,), agent, loop, given.bootstrap)], stop)
    return RECORDS / (store.ended - store.began)


async def _append(bootstrap: str) -> float:
    """Return the CPU microseconds of an append of one event, all threads of the process together."""
    event = a_tweet(SnowflakeGenerator(1, lambda: 1_800_000_000_000).next_id())
    record = Record(*topic_and_key(event), encode(event))
    kafka_topics.ensure(bootstrap, {record.topic: PARTITIONS})
    log = KafkaEventLog(bootstrap)

    async def client() -> None:
        for _ in range(APPENDS // CLIENTS):
            await log.append([record])

    await client()  # warm
    began = time.process_time()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    spent = time.process_time() - began
    log.close()
    return spent * 1e6 / APPENDS


def _measure(bootstrap: str, make: Callable[[int], Event]) -> dict[str, float]:
    given = uvloop.run(_fill(bootstrap, make))
    rounds = [{"bare aiokafka": uvloop.run(_bare(given)), "an agent": uvloop.run(_agent(given))} for _ in range(ROUNDS)]
    return {way: statistics.median(each[way] for each in rounds) for way in rounds[0]}


def _row(kind: str, rates: dict[str, float]) -> Row:
    bare, ours = rates["bare aiokafka"], rates["an agent"]
    return Row(f"{kind} from Kafka through an agent", ours, UNIT, {"bare aiokafka": bare, "ratio": ours / bare}, GOAL)


def rows() -> list[Row]:
    """Return the medians of the rounds; takes about a minute."""
    logging.disable(logging.INFO)
    collect_garbage_rarely()  # as the stream process does; for both ways alike
    try:
        with tempfile.TemporaryDirectory() as folder, running(("kafka",), Path(folder)) as servers:
            bootstrap = servers.settings()["kafka_bootstrap"]
            rates: dict[str, dict[str, float]] = {
                kind: _measure(bootstrap, make) for kind, make in (("tweets", a_tweet), ("likes", a_like))
            }
            append = uvloop.run(_append(bootstrap))
    finally:
        logging.disable(logging.NOTSET)
    rates[f"{LIKES_PER_TWEET} likes to a tweet"] = {
        way: (1 + LIKES_PER_TWEET) / (1 / rates["tweets"][way] + LIKES_PER_TWEET / rates["likes"][way])
        for way in rates["tweets"]
    }
    beside: dict[str, Any] = {"clients at once": CLIENTS}
    return [
        *(_row(kind, each) for kind, each in rates.items()),
        Row("append of one tweet to Kafka", append, "µs CPU", beside, APPEND_GOAL),
    ]


if __name__ == "__main__":
    for row in rows():
        print(row)
