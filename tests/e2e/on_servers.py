"""The whole system on servers of its own choice: what an earlier one left on them is taken away first."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from redis import Redis

from infra.cluster import TOPICS
from infra.log.kafka_reader import KafkaLogReader
from schemas.catalogue import FACT_TOPICS
from tests.cluster.kafka_log import delete_topics
from tests.e2e.system import System

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.log.port import LogReader
    from infra.servers import Fleet

NAMES = ("kafka", "redis", "cassandra")


class SystemOnServers(System):
    """`murmur up --profile cluster` on the servers of a fleet."""

    ready_seconds = 90.0

    def __init__(self, fleet: Fleet, data: Path, **settings: str) -> None:
        self.fleet = fleet
        fleet.start(*(name for name in NAMES if not fleet.alive(name)))
        self.told = fleet.settings()
        keyspace = f"e2e_{data.parent.name}_{data.name}".replace("-", "_").lower()[:48]
        own = {"profile": "cluster", "cassandra_keyspace": keyspace, "partitions": "4"}
        super().__init__(data, **self.told, **{**own, **settings})

    def start(self) -> SystemOnServers:
        """Start on empty servers; a second start would find what the first one did gone."""
        delete_topics(self.told["kafka_bootstrap"], TOPICS)
        for url in self.told["redis_urls"].split(","):
            with closing(Redis.from_url(url)) as redis:
                redis.flushdb()
        super().start()
        return self

    @contextmanager
    def log(self) -> Iterator[LogReader]:
        """Read the log itself."""
        with closing(KafkaLogReader(self.told["kafka_bootstrap"], FACT_TOPICS)) as log:
            yield log
