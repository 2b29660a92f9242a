"""Deliveries per CPU-second of Redis and agent into 800-entry home timelines in steady state, append-only file on.

From the log on: Kafka, a Faust agent on `kafkabatch://`, Redis; the broker's CPU is not counted. Beside it, on the same
timelines: (a) the bare script that pushes and trims lazily, its followers at hand, the tweets of a thousand calls in a
pipeline; (b) the classic way, ZADD and a trim per follower through a pipeline of the same client. What a forked rewrite
of the append-only file takes is in none of them. Authors are chosen evenly.
"""

from __future__ import annotations

import asyncio
import logging
import random
import tempfile
import time
import uuid
from bisect import bisect_left
from contextlib import closing
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import redis
import uvloop
from prometheus_client import CollectorRegistry

from benchmarks.fanout_graphs import CAP, EPINIONS, epinions, power_law, rename_timelines, set_up, user
from benchmarks.records_through_agent import NoLetters
from benchmarks.row import Row
from infra.log import kafka_topics
from infra.log.kafka import KafkaEventLog
from infra.log.port import Record
from infra.servers import running
from infra.servers.redis import operator_url
from projections.home_timeline.projector import project
from projections.home_timeline.redis import RedisHomeTimelineStore
from projections.home_timeline.redis_layout import Layout, packed
from schemas.codec import encode
from schemas.envelope import Envelope
from schemas.ids import SnowflakeGenerator, first_id_at
from schemas.tweets.events import TweetPosted
from streams.app import build_cluster_app, collect_garbage_rarely, run_apps
from streams.dead_letters import DeadLetters
from streams.decoded import DecodedBatches
from streams.home_timeline.agent import home_timeline_agent
from streams.loop import ProjectionLoop
from streams.metrics import StreamMetrics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.fanout_graphs import Graph
    from infra.log.port import Span, TopicPartition

SHARDS = 4  # logical, on one primary: the default
PARTITIONS = 2
START_MS = 1_700_000_000_000
BATCH = 1_000
CLASSIC_DELIVERIES = 10_000

BARE = """
local members = redis.call('GET', KEYS[1])
for at = 1, #members, 8 do
  local list = 'bare:' .. string.sub(members, at, at + 7)
  if redis.call('RPUSH', list, ARGV[1]) > 928 then redis.call('LTRIM', list, -800, -1) end
end
redis.call('SET', 'fence', ARGV[2])
return #members / 8
"""

CLASSIC_FILL = """
local full = {}
for at = 1, ARGV[2] do full[2 * at - 1], full[2 * at] = tostring(at), struct.pack('>I8', at) end
for at = 1, #ARGV[1], 8 do redis.call('ZADD', 'classic:' .. string.sub(ARGV[1], at, at + 7), unpack(full)) end
"""


class Spent(NamedTuple):
    """CPU seconds."""

    server: float
    client: float

    @property
    def both(self) -> float:
        """Return their sum."""
        return self.server + self.client


class Meter:
    """Tells what Redis and this process have spent since it was made."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._server, self._own = self._server_seconds(), time.process_time()

    def _server_seconds(self) -> float:
        used = self._client.info("cpu")
        return float(used["used_cpu_user"]) + float(used["used_cpu_sys"])

    def spent(self) -> Spent:
        """Return the CPU seconds of both."""
        own = time.process_time() - self._own
        return Spent(self._server_seconds() - self._server, own)


class MeteredStore:
    """The store; measures from the first batch to the last record, and ends the run there."""

    def __init__(self, store: RedisHomeTimelineStore, client: Any, records: int, stop: asyncio.Event) -> None:
        self._store, self._client, self._left, self._stop = store, client, records, stop
        self._meter: Meter | None = None
        self.spent = Spent(0, 0)

    def checkpoints(self) -> Mapping[TopicPartition, int]:
        """As the store has them."""
        return self._store.checkpoints()

    def apply(self, writes: Sequence[Any], span: Span) -> None:
        """Apply and measure; what was read and decoded before the first is not counted."""
        self._meter = self._meter or Meter(self._client)
        self._store.apply(writes, span)
        self._left -= span.end - span.start
        if not self._left:
            self.spent = self._meter.spent()
            self._stop.set()

    def close(self) -> None:
        """Close the store."""
        self._store.close()


def tweets(graph: Graph, count: int) -> list[TweetPosted]:
    """Return so many tweets, a millisecond apart."""
    rng = random.Random(3)
    made = []
    for number in range(count):
        at_ms, author = START_MS + number, user(rng.randrange(graph.users))
        made.append(TweetPosted(Envelope(first_id_at(at_ms), at_ms, author), first_id_at(at_ms), author, "", 0))
    return made


async def through_agent(bootstrap: str, url: str, client: Any, posted: Sequence[TweetPosted]) -> Spent:
    """Return what it takes from the log to the timelines."""
    topic = f"fanout-{uuid.uuid4().hex[:12]}"
    kafka_topics.ensure(bootstrap, {topic: PARTITIONS})
    log = KafkaEventLog(bootstrap)
    for first in range(0, len(posted), BATCH):
        await log.append([Record(topic, it.author_id, encode(it)) for it in posted[first : first + BATCH]])
    log.close()
    stop = asyncio.Event()
    store = RedisHomeTimelineStore([url], "bench", celebrity_followers=10**9, active_days=30, shards=SHARDS)
    metered = MeteredStore(store, client, len(posted), stop)
    letters = DeadLetters(NoLetters(), SnowflakeGenerator(1, lambda: 1))
    loop = ProjectionLoop("bench", project, metered, letters, DecodedBatches(), StreamMetrics(CollectorRegistry()))
    with closing(metered):
        await run_apps([build_cluster_app(topic, (topic,), home_timeline_agent, loop, bootstrap)], stop)
    return metered.spent


def bare(client: Any, posted: Sequence[TweetPosted]) -> Spent:
    """Return what the bare script takes."""
    script = client.script_load(BARE)
    meter = Meter(client)
    for first in range(0, len(posted), BATCH):
        pipeline = client.pipeline(transaction=False)
        for tweet in posted[first : first + BATCH]:
            author = packed(tweet.author_id)
            pipeline.execute_command("EVALSHA", script, 1, b"members:" + author, packed(tweet.tweet_id) + author, first)
        pipeline.execute()
    return meter.spent()


def classic(client: Any, graph: Graph, posted: Sequence[TweetPosted]) -> Spent:
    """Return what a ZADD and a trim per follower take, into sets that are full."""
    numbers = [(tweet.author_id >> 16) - 1 for tweet in posted]
    readers = sorted({int(it) for number in numbers for it in graph.audience(number)})
    fill = client.script_load(CLASSIC_FILL)
    for first in range(0, len(readers), BATCH):
        some = b"".join(packed(user(it)) for it in readers[first : first + BATCH])
        client.evalsha(fill, 0, some, CAP)
    pipeline = client.pipeline(transaction=False)
    meter = Meter(client)
    for tweet, number in zip(posted, numbers, strict=True):
        for reader in graph.audience(number).tolist():
            key = b"classic:" + packed(user(reader))
            pipeline.zadd(key, {packed(tweet.tweet_id): tweet.envelope.occurred_at_ms})
            pipeline.zremrangebyrank(key, 0, -CAP - 1)
        pipeline.execute()
    return meter.spent()


def measured(name: str, graph: Graph, count: int, bootstrap: str, url: str, operator: str) -> list[Row]:
    """Return the rows of a graph; Redis is emptied."""
    posted, layout = tweets(graph, count), Layout(SHARDS)
    sizes = [len(graph.audience((it.author_id >> 16) - 1)) for it in posted]
    due, ends = sum(sizes), list(accumulate(sizes))
    enough = bisect_left(ends, CLASSIC_DELIVERIES) + 1
    few, due_few = posted[:enough], sum(sizes[:enough])
    with closing(redis.Redis.from_url(operator)) as client:
        client.flushall()
        set_up(client, graph, layout)
        entry_bytes = _bytes_per_entry(client, graph, layout)
        mine = uvloop.run(through_agent(bootstrap, url, client, posted))
        rename_timelines(client, graph, layout)
        script = bare(client, posted)
        client.flushall()
        slow = classic(client, graph, few)
    return [
        Row(
            f"fan-out from Kafka to Redis, {name}: {due:,} deliveries",
            due / mine.both,
            "deliveries/CPU-s",
            {
                "Redis, µs a delivery": mine.server / due * 1e6,
                "agent, µs a delivery": mine.client / due * 1e6,
                "bare script, µs of Redis": script.server / due * 1e6,
                "ZADD + trim per follower": due_few / slow.both,
                "ratio to bare, of Redis's CPU": script.server / mine.server,
                "ratio to ZADD": (due / mine.both) / (due_few / slow.both),
            },
            "at least 0.7 of the bare script in Redis, 5 times ZADD, 150,000",
        ),
        Row(f"bytes of an entry of 16, {name}", entry_bytes, "bytes", {}, "at most 24"),
    ]


def _bytes_per_entry(client: Any, graph: Graph, layout: Layout) -> float:
    """Return what an entry takes, its share of the key and the list included, over a sample of timelines."""
    keys = [layout.of_user("home", user(number)) for number in range(0, graph.users, max(1, graph.users // 500))]
    used = sum(client.memory_usage(key, samples=0) for key in keys)
    return float(used / sum(client.llen(key) for key in keys))


def graphs() -> dict[str, tuple[Callable[[], Graph], int]]:
    """Return the graphs by name, and how many tweets are measured over each."""
    found: dict[str, tuple[Callable[[], Graph], int]] = {
        "100,000 users of 200 follows": (lambda: power_law(100_000, 200), 3_000)
    }
    return found | ({"Epinions": (epinions, 30_000)} if EPINIONS.exists() else {})


def rows() -> list[Row]:
    """Measure; takes some minutes, and 4 GB of memory."""
    logging.disable(logging.INFO)
    collect_garbage_rarely()  # as the stream process does; for every way alike
    made = []
    try:
        with tempfile.TemporaryDirectory() as folder, running(("kafka", "redis"), Path(folder)) as fleet:
            told, operator = fleet.settings(), operator_url(fleet["redis"])
            for name, (graph, count) in graphs().items():
                made += measured(name, graph(), count, told["kafka_bootstrap"], told["redis_urls"], operator)
    finally:
        logging.disable(logging.NOTSET)
    return made


if __name__ == "__main__":
    for row in rows():
        print(row)
