"""Deliveries per CPU-second of Redis and agent into 800-entry home timelines in steady state, append-only file on.

From encoded records on: decoded, projected, applied (reading the log is measured with the agents). Beside it, in
the same run: (a) the bare script that pushes and trims lazily, follower lists at hand in the shard; (b) the classic
way, ZADD and a trim per follower through a pipeline of the same client. What a forked rewrite of the append-only file
takes is in none of them.
"""

from __future__ import annotations

import random
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import redis

from benchmarks.embedded_fanout import (
    BATCH,
    MEASURED_DELIVERIES,
    READERS,
    START_MS,
    WARM_DELIVERIES,
    graph,
    posted,
    tweets,
    user,
)
from benchmarks.row import Row
from infra.log.port import Span
from infra.servers import running
from projections.home_timeline.projector import project
from projections.home_timeline.redis import RedisHomeTimelineStore
from projections.home_timeline.redis_layout import packed
from schemas.accounts.events import SignedIn
from schemas.codec import decode, encode
from schemas.envelope import Envelope
from schemas.follows.events import Followed

if TYPE_CHECKING:
    from benchmarks.embedded_fanout import Tweet
    from schemas.envelope import Event

CAP = 800
SHARDS = (16, 4)  # logical, on one primary: the default, and fewer with more of an audience in each

BARE = """
local members = redis.call('GET', KEYS[1])
for at = 1, #members, 8 do
  local list = 'bare:' .. string.sub(members, at, at + 7)
  if redis.call('RPUSH', list, ARGV[1]) > 928 then redis.call('LTRIM', list, -800, -1) end
end
redis.call('SET', 'fence', ARGV[2])
return #members / 8
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


def ours(
    client: Any, url: str, shards: int, audience: dict[int, set[int]], warm: list[Tweet], measured: list[Tweet]
) -> Spent:
    """Return what the measured tweets cost from encoded records on."""
    store = RedisHomeTimelineStore([url], "bench", celebrity_followers=10**9, active_days=30, shards=shards)
    with closing(store):
        envelope = Envelope(1, START_MS, 0)
        events: list[Event] = [
            Followed(envelope, reader, author) for author, readers in audience.items() for reader in readers
        ]
        events += [SignedIn(envelope, user(number)) for number in range(READERS)]
        at = 0
        values = [encode(event) for event in [*events, *map(posted, warm)]]
        at = applied(store, values, at)
        values = [encode(posted(tweet)) for tweet in measured]
        meter = Meter(client)
        applied(store, values, at)
        return meter.spent()


def applied(store: RedisHomeTimelineStore, values: list[bytes], at: int) -> int:
    """Decode, project and apply in batches; return the next offset."""
    for first in range(0, len(values), BATCH):
        batch = [decode(value) for value in values[first : first + BATCH]]
        store.apply(project(batch), Span("bench", 0, at, at + len(batch)))
        at += len(batch)
    return at


def bare(client: Any, audience: dict[int, set[int]], warm: list[Tweet], measured: list[Tweet]) -> Spent:
    """Return what the bare script takes."""
    for author, readers in audience.items():
        client.set(b"members:" + packed(author), b"".join(map(packed, [*readers, author])))
    script = client.script_load(BARE)

    def push(chosen: list[Tweet]) -> None:
        for first in range(0, len(chosen), BATCH):
            pipeline = client.pipeline(transaction=False)
            for tweet in chosen[first : first + BATCH]:
                key, entry = b"members:" + packed(tweet.author_id), packed(tweet.tweet_id) + packed(tweet.author_id)
                pipeline.execute_command("EVALSHA", script, 1, key, entry, first)
            pipeline.execute()

    push(warm)
    meter = Meter(client)
    push(measured)
    return meter.spent()


def classic(client: Any, audience: dict[int, set[int]], warm: list[Tweet], measured: list[Tweet]) -> Spent:
    """Return what a ZADD and a trim per follower take."""
    newest: dict[int, dict[bytes, int]] = {}
    for tweet in reversed(warm):
        for reader in (*audience[tweet.author_id], tweet.author_id):
            timeline = newest.setdefault(reader, {})
            if len(timeline) < CAP:
                timeline[packed(tweet.tweet_id)] = tweet.at_ms
    for reader, timeline in newest.items():
        client.zadd(b"classic:" + packed(reader), timeline)
    meter = Meter(client)
    for tweet in measured:
        pipeline = client.pipeline(transaction=False)
        for reader in (*audience[tweet.author_id], tweet.author_id):
            key = b"classic:" + packed(reader)
            pipeline.zadd(key, {packed(tweet.tweet_id): tweet.at_ms})
            pipeline.zremrangebyrank(key, 0, -CAP - 1)
        pipeline.execute()
    return meter.spent()


def rows() -> list[Row]:
    """Measure."""
    rng = random.Random(1)
    audience = graph(rng)
    warm = tweets(rng, audience, WARM_DELIVERIES, START_MS)
    measured = tweets(rng, audience, MEASURED_DELIVERIES, START_MS + len(warm))
    few = measured[: len(measured) // 10]
    due, due_few = (sum(len(audience[it.author_id]) + 1 for it in chosen) for chosen in (measured, few))
    with tempfile.TemporaryDirectory() as folder, running(("redis",), Path(folder)) as fleet:
        url = fleet.settings()["redis_urls"]
        with closing(redis.Redis.from_url(url)) as client:
            mine = {}
            for shards in SHARDS:
                mine[shards] = ours(client, url, shards, audience, warm, measured)
                client.flushall()
            script = bare(client, audience, warm, measured)
            client.flushall()
            slow = classic(client, audience, warm, few)
    goal = "at least 0.7 of the bare script in Redis, 5 times ZADD, 150,000"
    return [
        Row(
            f"Redis fan-out over {shards} shards, 800-entry timelines",
            due / spent.both,
            "deliveries/CPU-s",
            {
                "bare script": due / script.both,
                "ZADD + trim per follower": due_few / slow.both,
                "ratio to bare, of Redis's CPU": script.server / spent.server,
                "ratio to ZADD": (due / spent.both) / (due_few / slow.both),
            },
            goal,
        )
        for shards, spent in mine.items()
    ]


if __name__ == "__main__":
    for row in rows():
        print(row)
