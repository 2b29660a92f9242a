"""Makes the tables of the projections on Scylla or Cassandra: `python -m streams tables`, a part of `murmur migrate`.

It is the admin who does; the stores only write rows, and refuse to open where their tables are not there.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from infra.cluster import cassandra_trouble
from infra.cql.projection_tables import create
from infra.cql.roles import role
from infra.cql.schema_lock import schema_locked
from infra.cql.session import CqlSession
from infra.servers.fleet import located
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
    return list(CQL_STORES)
