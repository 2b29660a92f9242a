"""How far the projections on servers are behind the log: their checkpoints, and the ends of the topics."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from infra.cql.progress import Look
from infra.cql.roles import role
from infra.cql.session import CqlSession
from infra.elastic import Elastic
from infra.log.kafka_reader import KafkaLogReader
from infra.log.port import LogUnavailableError
from infra.projections import StoreUnavailableError
from infra.status import PROJECTION_TOPICS, kept
from projections.home_timeline import read_model as home_timeline
from projections.home_timeline.redis_reader import RedisHomeTimelineReader
from projections.search import read_model as search
from projections.search.elasticsearch_indices import indices
from projections.search.elasticsearch_progress import read_checkpoints
from schemas.catalogue import FACT_TOPICS

if TYPE_CHECKING:
    from infra.settings import Settings


class ClusterLags:
    """Asks Kafka, Cassandra, Redis and Elasticsearch; its calls block."""

    def __init__(self, settings: Settings) -> None:
        self._session = CqlSession(role(settings, "app"))
        self._rows = Look(self._session)
        self._timelines = RedisHomeTimelineReader(settings.redis_urls.split(","), shards=settings.redis_shards)
        self._log = KafkaLogReader(settings.kafka_bootstrap, FACT_TOPICS)
        self._kept = kept(settings)
        self._elastic = Elastic(settings) if search.PROJECTION in self._kept else None
        self._search = indices(settings).progress
        self._last = [1]  # not known: behind by something

    def events(self) -> list[int]:
        """Return how many events each projection has to apply; as it was last where a server does not answer."""
        with suppress(StoreUnavailableError, LogUnavailableError):  # whoever waits notices that nothing moves
            self._last = self._ask()
        return self._last

    def _ask(self) -> list[int]:
        known = {**self._rows.read(), home_timeline.PROJECTION: self._timelines.checkpoints()}
        if self._elastic is not None:
            known[search.PROJECTION] = read_checkpoints(self._elastic, self._search)
        ends = self._log.end_offsets(FACT_TOPICS)
        return [
            sum(end - known.get(name, {}).get(place, 0) for place, end in ends.items() if place.topic in topics)
            for name, topics in PROJECTION_TOPICS.items()
            if name in self._kept
        ]

    def close(self) -> None:
        """Leave the servers."""
        self._log.close()
        self._timelines.close()
        self._session.close()
        if self._elastic is not None:
            self._elastic.close()
