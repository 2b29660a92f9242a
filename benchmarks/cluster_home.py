"""Home timelines of 200 hydrated tweets on the cluster profile, over HTTP: feeds per core-second, latency at half load.

The people of benchmarks/feed_data.py, fewer of them; timelines are full (800 entries). The server is the real query
process with its default settings but for rate limits, caches warm: `python -m benchmarks.cluster_home`. Beside it, in
the same run: one LRANGE and one `orjson.dumps` of the same page, and as many bytes through FastAPI. What Redis and
Cassandra spend is told. Needs the extra `cluster`.
"""

from __future__ import annotations

import json
import re
import time
import urllib.request
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import orjson
import redis
import uvloop

from benchmarks import bare_page, feed_data, http_load
from benchmarks.cluster_servers import prepared
from benchmarks.cpu import wait_for_rest
from benchmarks.home_timeline import CONNECTIONS, LIMIT, PATH, measure, server
from benchmarks.row import Row
from infra.cql.session import CqlSession
from infra.projections import placed
from projections.home_timeline.redis import RedisHomeTimelineStore
from projections.home_timeline.redis_layout import Layout
from streams.projections import PROJECTIONS
from streams.server_stores import CQL_STORES

if TYPE_CHECKING:
    from benchmarks.cluster_servers import Servers
    from infra.projections import ProjectionStore
    from infra.settings import Settings

TOWN = feed_data.Town(people=150, followees=100, tweets_each=14, likes_each=50)
SHOWN = ("accounts", "tweets", "graph", "engagement", "home_timeline")
SECONDS = 6.0
BARE_FEEDS = 1_000
_CACHE = re.compile(r'murmur_cache_(hits|misses)_total\{cache="(\w+)"\} ([\d.e+]+)')


class Caches(NamedTuple):
    """How often the query process found a fragment in memory, and how often not."""

    hits: float
    misses: float

    @classmethod
    def read(cls, port: int) -> Caches:
        """Ask the process."""
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            found = _CACHE.findall(answer.read().decode())
        return cls(*(sum(float(n) for what, _, n in found if what == wanted) for wanted in ("hits", "misses")))

    def rate_since(self, before: Caches) -> float:
        """Return the share of hits since."""
        hits, misses = self.hits - before.hits, self.misses - before.misses
        return hits / max(1.0, hits + misses)


def fill(settings: Settings) -> None:
    """Fill the read models on the servers."""
    told = feed_data.facts(TOWN)
    with closing(CqlSession(settings)) as session:
        for projection in PROJECTIONS:
            if projection.name not in SHOWN:
                continue
            in_rows = projection.name in CQL_STORES
            store: ProjectionStore = CQL_STORES[projection.name](session, "bench") if in_rows else timelines(settings)
            with closing(store):
                project = placed(projection.project) if in_rows else projection.project
                feed_data.apply(told, projection.topics, project, store)


def timelines(settings: Settings) -> RedisHomeTimelineStore:
    """Return the store of home timelines."""
    return RedisHomeTimelineStore(
        settings.redis_urls.split(","),
        "bench",
        celebrity_followers=settings.celebrity_followers,
        active_days=settings.active_days,
        shards=settings.redis_shards,
    )


def bare(settings: Settings, port: int, token: str) -> float:
    """Return feeds per CPU-second of one read and one dump."""
    url = f"http://127.0.0.1:{port}{PATH}"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        page = json.load(answer)
    reader = feed_data.person(0)
    key = Layout(settings.redis_shards, 1).of_user("home", reader)
    with closing(redis.Redis.from_url(settings.redis_urls.split(",")[0])) as client:
        began = time.process_time()
        for _ in range(BARE_FEEDS):
            client.lrange(key, -LIMIT, -1)
            orjson.dumps(page)
        return BARE_FEEDS / (time.process_time() - began)


def rows() -> list[Row]:
    """Measure."""
    with prepared() as servers:
        settings = servers.settings
        fill(settings)
        wait_for_rest()
        tokens = feed_data.tokens(settings, TOWN.people)
        requests = [http_load.request(PATH, token) for token in tokens]
        own = {name: str(value) for name, value in settings.model_dump(mode="json").items()}
        with server(settings.data_dir, **own) as (pid, port):
            uvloop.run(http_load.closed_loop(port, requests, 4, SECONDS))  # the first read of each tweet
            caches, spent = Caches.read(port), usage(servers)
            per_core, full, half = uvloop.run(measure(pid, port, requests, SECONDS))
            feeds = len(half.latencies_ms) + len(full.latencies_ms) * 1.25
            each = {name: (after - spent[name]) * 1e6 / feeds for name, after in usage(servers).items()}
            hit_rate = Caches.read(port).rate_since(caches)
            ceiling = bare(settings, port, tokens[0])
    size = full.body_bytes / len(full.latencies_ms)
    beside = {
        "bytes through FastAPI": bare_page.per_core(int(size), CONNECTIONS),
        "bare read + dump": ceiling,
        "ratio": per_core / ceiling,
        "cache hit rate": hit_rate,
        "Redis's µs": each["redis"],
        "Cassandra's µs": each["cassandra"],
        "KiB a feed": size / 1024,
    }
    latency = {"p50 ms": half.percentile(50), "feeds/s": len(half.latencies_ms) / half.seconds}
    return [
        Row("home timeline of 200 hydrated tweets, on servers", per_core, "feeds/core-s", beside, "at least 1,500"),
        Row("the same, p99 at half load, open loop", half.percentile(99), "ms", latency, "below 10"),
    ]


def usage(servers: Servers) -> dict[str, float]:
    """Return what the stores have spent."""
    return {name: servers.cpu_s(name) for name in ("redis", "cassandra")}


if __name__ == "__main__":
    for row in rows():
        print(row)
