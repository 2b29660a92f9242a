"""The stores of projections on servers: which engine keeps which, and how a generation is opened there."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from infra.cluster import cassandra_trouble, elasticsearch_trouble, redis_trouble
from infra.elastic import Elastic
from projections.accounts.cql import CqlAccountsStore
from projections.engagement.cql import CqlEngagementStore
from projections.graph.cql import CqlGraphStore
from projections.home_timeline.redis import RedisHomeTimelineStore
from projections.home_timeline.redis_layout import SCHEMA_VERSION as OF_TIMELINES
from projections.media.cql import CqlMediaStore
from projections.moderation.cql import CqlModerationStore
from projections.notifications.cql import CqlNotificationsStore
from projections.search import read_model as search
from projections.search.elasticsearch import ElasticsearchSearchStore
from projections.search.elasticsearch_indices import SCHEMA_VERSION as OF_SEARCH
from projections.spam.cql import CqlSpamStore
from projections.trends.cql import CqlTrendsStore
from projections.tweets.cql import CqlTweetsStore
from streams.effects_cql import ProcessingProgress, PushProgress
from streams.processing.agent import NAME as PROCESSING
from streams.push.agent import NAME as PUSH

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

    from infra.cql.projection_store import CqlProjectionStore
    from infra.cql.session import CqlSession
    from infra.projections import ProjectionStore
    from infra.settings import Settings
    from streams.parts import Projection

CQL_STORES: dict[str, type[CqlProjectionStore]] = {
    "accounts": CqlAccountsStore,
    "tweets": CqlTweetsStore,
    "graph": CqlGraphStore,
    "engagement": CqlEngagementStore,
    "trends": CqlTrendsStore,
    "notifications": CqlNotificationsStore,
    "media": CqlMediaStore,
    "moderation": CqlModerationStore,
    "spam": CqlSpamStore,
    PUSH: PushProgress,
    PROCESSING: ProcessingProgress,
}
"""Projection → its store on Scylla or Cassandra; search is on Elasticsearch, the others on Redis."""


def version_of(projection: Projection) -> int:
    """Return which version of a projection's store on servers this program writes."""
    if projection.name in CQL_STORES:
        return CQL_STORES[projection.name].SCHEMA_VERSION
    return OF_SEARCH if projection.name == search.PROJECTION else OF_TIMELINES


def places(projection: str) -> bool:
    """Tell whether a projection's store takes each write with the place of its record."""
    return projection in {*CQL_STORES, search.PROJECTION}


class ServerStores:
    """Opens stores; what they are reached by is closed by `open_things`, the session by its opener."""

    def __init__(self, settings: Settings, session: Callable[[], CqlSession], open_things: ExitStack) -> None:
        self._settings = settings
        self._session = session
        self._open_things = open_things
        self._elastic: Elastic | None = None

    def open(self, projection: str, log_id: str, generation: int) -> ProjectionStore:
        """Open the store of a generation; raises TroubleError where it cannot be what it should be."""
        settings = self._settings
        if projection in CQL_STORES:
            with cassandra_trouble(settings):
                return CQL_STORES[projection](self._session(), log_id, generation)
        if projection == search.PROJECTION:
            with elasticsearch_trouble():
                return ElasticsearchSearchStore(self.elastic(), settings, log_id, generation)
        with redis_trouble():
            return RedisHomeTimelineStore(
                settings.redis_urls.split(","),
                log_id,
                celebrity_followers=settings.celebrity_followers,
                active_days=settings.active_days,
                shards=settings.redis_shards,
                generation=generation,
            )

    def elastic(self) -> Elastic:
        """Return what Elasticsearch is asked by."""
        if self._elastic is None:
            self._elastic = self._open_things.enter_context(closing(Elastic(self._settings)))
        return self._elastic
