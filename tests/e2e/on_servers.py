"""The whole system on servers of its own choice: what an earlier one left on them is taken away first."""

from __future__ import annotations

import asyncio
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Self

from redis import Redis

from infra.auth.cql_data_keys import seals_on_servers
from infra.cluster import TOPICS
from infra.cql.session import CqlSession
from infra.elastic import Elastic
from infra.log.kafka import KafkaEventLog
from infra.log.kafka_reader import KafkaLogReader
from infra.objects.opening import open_s3
from infra.probe import announced
from infra.servers.redis import operator_url
from infra.up import MODULES
from projections.search import elasticsearch_indices
from schemas import codec
from schemas.catalogue import FACT_TOPICS
from tests.cluster.kafka_log import delete_topics
from tests.cluster.kept_keyspace import PASSWORDS, begin_anew
from tests.e2e import traces_on_servers as traces
from tests.e2e.system import System

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from infra.log.port import LogReader, Record
    from infra.objects.port import ObjectStore
    from infra.servers import Fleet
    from tests.e2e.canaries import Canaries

NAMES = ("kafka", "redis", "cassandra", "elasticsearch", "objects")
KEYSPACE = "e2e"
GENERATIONS = 3
"""As many of a projection as any system here makes."""


def names_of(kind: str, count: int) -> list[str]:
    """What `murmur up` calls its processes of a kind."""
    return [kind] if count == 1 else [f"{kind}-{number}" for number in range(1, count + 1)]


class SystemOnServers(System):
    """`murmur up --profile cluster` on the servers of a fleet, which run."""

    ready_seconds = 90.0

    def __init__(self, fleet: Fleet, data: Path, **settings: str) -> None:
        self.fleet = fleet
        self.told = fleet.settings()
        self._workers = {kind: int(settings.get(f"{kind}_workers", "1")) for kind in MODULES}
        own = {
            "profile": "cluster",
            "cassandra_keyspace": KEYSPACE,
            **PASSWORDS,
            "partitions": "6",
            "elasticsearch_prefix": KEYSPACE,
        }
        super().__init__(data, **self.told, **{**own, **settings})

    def start(self) -> Self:
        """Start on empty servers; a second start would find what the first one did gone."""
        delete_topics(self.told["kafka_bootstrap"], TOPICS)
        for url in self._redis_urls():
            with closing(Redis.from_url(url)) as redis:
                redis.flushdb()
        settings = self.settings
        with closing(CqlSession(settings, keyspace="")) as session:
            begin_anew(session, settings)
        if settings.elasticsearch_urls:
            with closing(Elastic(settings)) as elastic:
                for generation in range(1, GENERATIONS + 1):
                    elasticsearch_indices.drop(elastic, settings, generation)
        super().start()
        return self

    def to_be_ready(self) -> list[str]:
        """Every process by itself: those of one kind share a port."""
        names = [name for kind, count in self._workers.items() for name in names_of(kind, count)]
        ports = [announced(self.data / "run" / f"{name}.json").get("own_port", 0) for name in names]
        return [f"http://127.0.0.1:{port}" for port in ports]

    @contextmanager
    def log(self) -> Iterator[LogReader]:
        """Read the log itself, and what is under seals in it."""
        settings = self.settings
        with (
            closing(CqlSession(settings, keyspace="")) as session,
            closing(KafkaLogReader(settings.kafka_bootstrap, FACT_TOPICS)) as log,
        ):
            codec.open_with(seals_on_servers(settings, lambda: session))
            yield log

    @contextmanager
    def objects(self) -> Iterator[ObjectStore]:
        """Open where its objects are."""
        with closing(open_s3(self.settings)) as objects:
            yield objects

    def found(self, canaries: Canaries) -> dict[str, list[str]]:
        """Return which canaries are left in the data folder, or in what any server tells, and where."""
        found = super().found(canaries)
        on_servers = canaries.found(traces.contents(self.settings, self._redis_urls()))
        for more in (on_servers, traces.documents(self.settings, canaries.planted)):
            for where, places in more.items():
                found.setdefault(where, []).extend(places)
        return found

    def bury(self, records: Sequence[Record]) -> None:
        """Append dead letters, as a projection does that cannot apply something."""

        async def append() -> None:
            with closing(KafkaEventLog(self.told["kafka_bootstrap"])) as log:
                await log.append(records)

        asyncio.run(append())

    def _redis_urls(self) -> list[str]:
        names = [it for it in self.fleet.names() if it.startswith("redis") and self.fleet.alive(it)]
        return [operator_url(self.fleet[name]) for name in names]
