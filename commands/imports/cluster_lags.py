"""How far the projections on servers are behind the log: the checkpoints of those that are read, and the ends."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from infra.cql.generations import CqlGenerations
from infra.cql.progress import read_progress
from infra.cql.roles import role
from infra.cql.session import CqlSession
from infra.elastic import Elastic
from infra.log.kafka_reader import KafkaLogReader
from infra.log.port import LogUnavailableError
from infra.projections import StoreUnavailableError
from infra.redis_primaries import Primaries
from infra.status import PROJECTION_TOPICS, kept
from projections.home_timeline import read_model as home_timeline
from projections.home_timeline.redis_reader import RedisHomeTimelineReader
from projections.search import read_model as search
from projections.search.elasticsearch_indices import indices
from projections.search.elasticsearch_progress import read_checkpoints
from schemas.catalogue import FACT_TOPICS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.log.port import TopicPartition
    from infra.settings import Settings


class ClusterLags:
    """Asks Kafka, Cassandra, Redis and Elasticsearch; its calls block."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session = CqlSession(role(settings, "app"))
        self._generations = CqlGenerations(self._session, settings)
        self._primaries = Primaries(settings.redis_urls.split(","))
        self._log = KafkaLogReader(settings.kafka_bootstrap, FACT_TOPICS)
        self._kept = kept(settings)
        self._elastic = Elastic(settings) if search.PROJECTION in self._kept else None
        self._last = [1]  # not known: behind by something

    def events(self) -> list[int]:
        """Return how many events each projection has to apply; as it was last where a server does not answer."""
        with suppress(StoreUnavailableError, LogUnavailableError):  # whoever waits notices that nothing moves
            self._last = self._ask()
        return self._last

    def _ask(self) -> list[int]:
        known = {name: self._checkpoints(name) for name in PROJECTION_TOPICS if name in self._kept}
        ends = self._log.end_offsets(FACT_TOPICS)
        return [
            sum(end - done.get(place, 0) for place, end in ends.items() if place.topic in PROJECTION_TOPICS[name])
            for name, done in known.items()
        ]

    def _checkpoints(self, projection: str) -> Mapping[TopicPartition, int]:
        active = self._generations.of(projection).active
        if projection == home_timeline.PROJECTION:
            return RedisHomeTimelineReader.over(self._primaries, self._settings.redis_shards, active).checkpoints()
        if projection == search.PROJECTION and self._elastic is not None:
            return read_checkpoints(self._elastic, indices(self._settings, active).progress)
        rows = read_progress(self._session, active).get(projection, {})
        return {place: told.next_offset for place, told in rows.items()}

    def close(self) -> None:
        """Leave the servers."""
        self._log.close()
        self._primaries.close()
        self._session.close()
        if self._elastic is not None:
            self._elastic.close()
