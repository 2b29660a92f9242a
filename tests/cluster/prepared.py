"""Settings with which everything is in order, as `murmur migrate` leaves it: topics, tables and roles of our own."""

from __future__ import annotations

import secrets
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from infra import cluster
from infra.cql.schema import keyspaces
from infra.cql.session import CqlSession
from infra.elastic import Elastic
from projections.search import elasticsearch_indices
from tests.conftest import settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.servers import Fleet
    from infra.settings import Settings


@contextmanager
def prepared(fleet: Fleet, data_dir: Path) -> Iterator[Settings]:
    name = secrets.token_hex(3)
    own = {
        "cassandra_keyspace": f"own_{name}",
        "cassandra_app_user": f"app_{name}",
        "cassandra_query_user": f"query_{name}",
        "elasticsearch_prefix": f"own-{name}",
        "partitions": 2,
        "argon2_memory_kib": 64,
    }
    settings = settings_of(fleet, data_dir, "kafka", "redis", "cassandra", "objects").model_copy(update=own)
    cluster.prepare(settings)
    try:
        yield settings
    finally:
        drop_search(settings)
        with closing(admin(settings)) as session:
            for keyspace in keyspaces(settings):
                session.execute(f"DROP KEYSPACE IF EXISTS {keyspace}")
            for role in (f"app_{name}", f"query_{name}"):
                session.execute(f"DROP ROLE IF EXISTS {role}")


def drop_search(settings: Settings) -> None:
    """Delete the indices, where there is an Elasticsearch."""
    if settings.elasticsearch_urls:
        with closing(Elastic(settings)) as elastic:
            elasticsearch_indices.drop(elastic, settings)
            elasticsearch_indices.drop_templates(elastic, settings)


def admin(settings: Settings) -> CqlSession:
    """A session of whoever may make tables."""
    return CqlSession(settings, keyspace="")
