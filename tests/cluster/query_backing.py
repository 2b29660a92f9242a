"""Read models of a query world on servers: rows in a keyspace of their own, timelines in a Redis of its own.

The query process logs in as those who may only read. The log stays in a file: nothing here asks Kafka.
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import redis

from infra.clock import SystemClock
from infra.cql.generations import CqlGenerations
from infra.cql.migrate import migrate
from infra.cql.projection_tables import create
from infra.cql.roles import make_roles
from infra.cql.session import CqlSession
from infra.log.embedded import path_of
from infra.log.sqlite_reader import SqliteLogReader
from infra.projections import placed
from infra.servers.redis import operator_url
from infra.sources import Slot
from projections.accounts.cql import CqlAccountsStore
from projections.engagement.cql import CqlEngagementStore
from projections.graph.cql import CqlGraphStore
from projections.home_timeline.redis import RedisHomeTimelineStore
from projections.media.cql import CqlMediaStore
from projections.moderation.cql import CqlModerationStore
from projections.notifications.cql import CqlNotificationsStore
from projections.search import elasticsearch_indices
from projections.search import read_model as search
from projections.search.elasticsearch import ElasticsearchSearchStore
from projections.spam.cql import CqlSpamStore
from projections.trends.cql import CqlTrendsStore
from projections.tweets.cql import CqlTweetsStore
from query_api.cluster import build_cluster
from query_api.lag import FileEnds
from query_api.live.tail import FileTail
from tests.cluster.kept_keyspace import PASSWORDS, begin_anew
from tests.contract.cql_backends import empty

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from infra.clock import Clock
    from infra.cql.projection_store import CqlProjectionStore
    from infra.elastic import Elastic
    from infra.projections import ProjectionStore
    from infra.servers import Fleet
    from infra.settings import Settings
    from query_api.bootstrap import Services
    from schemas.envelope import Event
    from streams.parts import Projection
    from tests.cluster.cable import Cable

KEYSPACE = "query_worlds"
STORES: dict[str, type[CqlProjectionStore]] = {
    "accounts": CqlAccountsStore,
    "tweets": CqlTweetsStore,
    "graph": CqlGraphStore,
    "engagement": CqlEngagementStore,
    "trends": CqlTrendsStore,
    "notifications": CqlNotificationsStore,
    "media": CqlMediaStore,
    "moderation": CqlModerationStore,
    "spam": CqlSpamStore,
}


class Servers:
    """Backing of a world: tables are emptied for each."""

    behind = True

    def __init__(self, settings: Settings, session: CqlSession, redis_fleet: Fleet) -> None:
        self._settings = settings
        self._session = session
        self.redis = redis_fleet
        self.elastic: Elastic | None = None
        """Where it is given, the world has a search, on indices of its own."""
        self._worlds = 0
        self._searched: Settings | None = None
        self.cable: Cable | None = None
        """Where it is given, the query process asks Cassandra through it."""

    def settings(self, folder: Path) -> Settings:
        for store in STORES.values():
            empty(self._session, store)
        self.redis.start("redis")
        self.empty_redis()
        settings = self._settings.model_copy(update={"data_dir": folder})
        return settings if self.elastic is None else self._with_search(settings, self.elastic)

    def _with_search(self, settings: Settings, elastic: Elastic) -> Settings:
        self.drop_search()
        self._worlds += 1
        own = {"elasticsearch_prefix": f"{KEYSPACE}-{self._worlds}", "elasticsearch_urls": f"http://{elastic.where}"}
        self._searched = settings.model_copy(update=own)
        elasticsearch_indices.make(elastic, self._searched)
        return self._searched

    def drop_search(self) -> None:
        """Delete the indices of the last world that had any."""
        if self._searched is not None and self.elastic is not None:
            elasticsearch_indices.drop(self.elastic, self._searched)
            elasticsearch_indices.drop_templates(self.elastic, self._searched)
        self._searched = None

    def empty_redis(self) -> None:
        with closing(redis.Redis.from_url(operator_url(self.redis["redis"]))) as client:
            client.flushall()

    def open_store(
        self, projection: Projection, log_id: str, settings: Settings, generation: int = 1
    ) -> ProjectionStore:
        if projection.name in STORES:
            if generation > 1:
                create(self._session, STORES[projection.name], generation)
            return STORES[projection.name](self._session, log_id, generation)
        if projection.name == search.PROJECTION:
            assert self.elastic is not None
            return ElasticsearchSearchStore(self.elastic, settings, log_id)
        return RedisHomeTimelineStore(
            settings.redis_urls.split(","),
            log_id,
            celebrity_followers=settings.celebrity_followers,
            active_days=settings.active_days,
            shards=settings.redis_shards,
        )

    def records(self, settings: Settings) -> CqlGenerations:
        return CqlGenerations(self._session, settings)

    def projector(self, projection: Projection) -> Callable[[Sequence[Event]], Sequence[Any]]:
        places = projection.name in {*STORES, search.PROJECTION}
        return placed(projection.project) if places else projection.project

    def build(self, settings: Settings, clock: Clock | None) -> Services:
        if self.cable is not None:
            settings = settings.model_copy(update={"cassandra_hosts": self.cable.address})
        facts = path_of(settings.log_dir, "facts")
        log, tail = FileEnds(Slot(facts, SqliteLogReader)), FileTail(Slot(facts, SqliteLogReader))
        return build_cluster(settings, clock or SystemClock(), log, tail)


@contextmanager
def prepared(settings: Settings, redis_fleet: Fleet) -> Iterator[Servers]:
    """Make keyspace, tables and roles where no world before this one has."""
    own = settings.model_copy(
        update={
            "cassandra_keyspace": KEYSPACE,
            "cassandra_query_user": KEYSPACE,
            "cassandra_app_user": f"{KEYSPACE}_app",
            **PASSWORDS,
            "redis_urls": redis_fleet.settings()["redis_urls"],
            "redis_query_urls": redis_fleet.settings()["redis_query_urls"],
            "redis_shards": 3,
            "elasticsearch_urls": "",
            "kafka_bootstrap": "nobody:0",  # and it is not asked for
        }
    )
    with closing(CqlSession(own, keyspace="")) as admin:
        begin_anew(admin, own)
        migrate(admin, own)
        with closing(CqlSession(own)) as session:
            for store in STORES.values():
                create(session, store)
            make_roles(session, own)
            yield Servers(own, session, redis_fleet)
