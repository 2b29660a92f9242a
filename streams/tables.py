"""Makes the tables and search indices of the projections on servers: `python -m streams tables`, of `murmur migrate`.

It is the admin who does; the stores only write rows, and refuse to open where their tables are not there.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from infra.cluster import cassandra_trouble, elasticsearch_trouble
from infra.cql.projection_tables import create
from infra.cql.roles import role
from infra.cql.schema_lock import schema_locked
from infra.cql.session import CqlSession
from infra.elastic import Elastic
from infra.servers.fleet import located
from projections.search import elasticsearch_indices
from projections.search import read_model as search
from streams.cluster import CQL_STORES

if TYPE_CHECKING:
    from infra.settings import Settings


def make_tables(settings: Settings, generation: int = 1) -> list[str]:
    """Make those that are missing; return the names of the projections. Raises TroubleError."""
    settings = located(settings, "cassandra_hosts")
    with (
        cassandra_trouble(settings),
        closing(CqlSession(role(settings, "admin"))) as session,
        schema_locked(session, settings),
    ):
        for store in CQL_STORES.values():
            create(session, store, generation)
    made = list(CQL_STORES)
    if settings.elasticsearch_urls:
        with elasticsearch_trouble(), closing(Elastic(settings)) as elastic:
            elasticsearch_indices.make(elastic, settings, generation)
        made.append(search.PROJECTION)
    return made
