"""Opens stores and readers of any generation on servers, and the log; synchronous, each wait blocks."""

from __future__ import annotations

import logging
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from infra.archive.opening import archived
from infra.auth.cql_data_keys import seals_on_servers
from infra.cluster import cassandra_trouble, kafka_trouble
from infra.cql.roles import role
from infra.cql.session import CqlSession
from infra.log.kafka_reader import KafkaLogReader
from infra.projections import StoreUnavailableError, placed
from infra.redis_primaries import Primaries
from infra.servers.fleet import servers_of
from projections.accounts.cql import CqlAccountsReader
from projections.engagement.cql_reader import CqlEngagementReader
from projections.graph.cql import CqlGraphReader
from projections.home_timeline import redis_drop, redis_lapse, redis_layout
from projections.home_timeline.redis_reader import RedisHomeTimelineReader
from projections.media.cql import CqlMediaReader
from projections.moderation.cql_reader import CqlModerationReader
from projections.notifications.cql_reader import CqlNotificationsReader
from projections.search import read_model as search
from projections.search.elasticsearch_reader import ElasticsearchSearchReader
from projections.spam.cql import CqlSpamReader
from projections.trends.cql_reader import CqlTrendsReader
from projections.tweets.cql_reader import CqlTweetsReader
from schemas import codec
from streams.backoff import Backoff
from streams.replay.build import Build
from streams.replay.kinds import KINDS
from streams.server_stores import ServerStores, places

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import ExitStack

    from infra.log.port import Span, TopicPartition
    from infra.projections import ProjectionStore
    from infra.settings import Settings
    from streams.parts import Projection

logger = logging.getLogger(__name__)

SPAN_RECORDS = 1_000  # what a stream worker applies in one step, and stores are made for

_ROW_READERS: dict[str, type[Any]] = {
    "accounts": CqlAccountsReader,
    "tweets": CqlTweetsReader,
    "graph": CqlGraphReader,
    "engagement": CqlEngagementReader,
    "trends": CqlTrendsReader,
    "notifications": CqlNotificationsReader,
    "media": CqlMediaReader,
    "moderation": CqlModerationReader,
    "spam": CqlSpamReader,
}


class OnServers:
    """The servers, as those who write rows are let in; closed by `open_things`."""

    def __init__(
        self, settings: Settings, topics: Sequence[str], open_things: ExitStack, *, from_archive: bool = False
    ) -> None:
        self._settings = servers_of(settings)
        self._open_things = open_things
        with kafka_trouble(self._settings):
            reader = KafkaLogReader(self._settings.kafka_bootstrap, topics)
            self._reader = open_things.enter_context(closing(reader))
        self.log = archived(self._settings, reader, prefer_archive=from_archive)
        with cassandra_trouble(self._settings):
            self.rows = open_things.enter_context(closing(CqlSession(role(self._settings, "app"))))
        codec.open_with(seals_on_servers(self._settings, lambda: self.rows))
        self._engines = ServerStores(self._settings, lambda: self.rows, open_things)
        self._primaries: Primaries | None = None

    def store(self, projection: Projection, generation: int) -> Retrying:
        """Open the store of a generation."""
        store = self._engines.open(projection.name, self._reader.log_id_of(projection.topics), generation)
        return Retrying(self._open_things.enter_context(closing(store)))

    def build(self, projection: Projection, generation: int, goal: Mapping[TopicPartition, int]) -> Build:
        """Open a generation to be brought to a goal, by the projector of the stream workers."""
        placing = places(projection.name)
        project = placed(projection.project) if placing else projection.project
        store = self.store(projection, generation)
        return Build(projection.name, project, store, goal, KINDS[projection.name].passes_over, placing=placing)

    def reader(self, name: str, generation: int) -> Any:
        """Open what reads a generation."""
        if name in _ROW_READERS:
            return _ROW_READERS[name](self.rows, generation)
        if name == search.PROJECTION:
            return ElasticsearchSearchReader(self._engines.elastic(), self._settings, generation)
        return RedisHomeTimelineReader.over(self._redis(), self._settings.redis_shards, generation)

    def timeline_readers(self, generation: int) -> list[int]:
        """Return who follows somebody, as far as a generation of home timelines knows."""
        return redis_drop.readers(self._redis(), generation)

    def let_lapse(self, generation: int, reader_id: int) -> None:
        """Have a home timeline pulled by whoever reads it, until its reader signs in again."""
        redis_lapse.let_lapse(self._redis(), redis_layout.Layout(self._settings.redis_shards, generation), reader_id)

    def _redis(self) -> Primaries:
        if self._primaries is None:
            found = Primaries(self._settings.redis_urls.split(","))
            self._primaries = self._open_things.enter_context(closing(found))
        return self._primaries


class Retrying:
    """A store (ProjectionStore) that tries the same span again for as long as its server is away."""

    def __init__(self, store: ProjectionStore) -> None:
        self._store = store

    def checkpoints(self) -> Mapping[TopicPartition, int]:
        """Return, per partition, the offset of the next record to apply."""
        return self._store.checkpoints()

    def apply(self, writes: Sequence[Any], span: Span) -> None:
        """Apply the writes and move the checkpoint; a span that comes again changes nothing."""
        delays = Backoff()
        while True:
            try:
                self._store.apply(writes, span)
            except StoreUnavailableError as error:
                delay = delays.next()
                logger.warning("turned down, next attempt in %.2f s: %s", delay, error)
                time.sleep(delay)  # a process of its own, which has nothing else to do
            else:
                return

    def close(self) -> None:
        """Close the store."""
        self._store.close()
