"""Settings with which everything is in order, as `murmur migrate` leaves it: topics, tables and roles of our own."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from infra import cluster
from infra.cql.session import CqlSession
from infra.elastic import Elastic
from projections.search import elasticsearch_indices
from tests.cluster.kept_keyspace import PASSWORDS, begin_anew
from tests.conftest import settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.servers import Fleet
    from infra.settings import Settings


OWN = {
    "cassandra_keyspace": "own",
    "cassandra_app_user": "app_of_own",
    "cassandra_query_user": "query_of_own",
    **PASSWORDS,
    "elasticsearch_prefix": "own",
    "partitions": 2,
    "argon2_memory_kib": 64,
}


@contextmanager
def prepared(fleet: Fleet, data_dir: Path) -> Iterator[Settings]:
    """Whoever comes first makes the tables; who comes later finds them, empty."""
    settings = settings_of(fleet, data_dir, "kafka", "redis", "cassandra", "objects").model_copy(update=OWN)
    with closing(admin(settings)) as session:
        begin_anew(session, settings)
    cluster.prepare(settings)
    try:
        yield settings
    finally:
        drop_search(settings)


def drop_search(settings: Settings) -> None:
    """Delete the indices, where there is an Elasticsearch."""
    if settings.elasticsearch_urls:
        with closing(Elastic(settings)) as elastic:
            elasticsearch_indices.drop(elastic, settings)
            elasticsearch_indices.drop_templates(elastic, settings)


def admin(settings: Settings) -> CqlSession:
    """A session of whoever may make tables."""
    return CqlSession(settings, keyspace="")
