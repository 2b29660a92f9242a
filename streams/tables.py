"""Makes the tables and search indices of the projections on servers: `python -m streams tables`, of `murmur migrate`.

It is the admin who does; the stores only write rows, and refuse to open where their tables are not there.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from infra.cluster import cassandra_trouble, elasticsearch_trouble
from infra.cql.generations import CqlGenerations
from infra.cql.projection_tables import create, find_build
from infra.cql.roles import role
from infra.cql.schema_lock import schema_locked
from infra.cql.session import CqlSession
from infra.elastic import Elastic
from infra.generations.record import State
from infra.projections import StoreError, StoreUnavailableError
from infra.servers.fleet import located
from projections.search import elasticsearch_indices
from projections.search import read_model as search
from streams.server_stores import CQL_STORES

if TYPE_CHECKING:
    from infra.cql.projection_store import CqlProjectionStore
    from infra.generations.record import Record
    from infra.settings import Settings


def make_tables(settings: Settings) -> list[str]:
    """Make those of all generations of this version that are missing; return the names of the projections.

    Raises TroubleError.
    """
    settings = located(settings, "cassandra_hosts")
    with (
        cassandra_trouble(settings),
        closing(CqlSession(role(settings, "admin"))) as session,
        schema_locked(session, settings),
    ):
        kept = CqlGenerations(session, settings)
        for name, store in CQL_STORES.items():
            for generation in _to_make(kept.of(name), store.SCHEMA_VERSION):
                if not _is_of_another_version(session, store, generation):
                    create(session, store, generation)
        of_search = kept.of(search.PROJECTION)
    made = list(CQL_STORES)
    if settings.elasticsearch_urls:
        with elasticsearch_trouble(), closing(Elastic(settings)) as elastic:
            for generation in _to_make(of_search, elasticsearch_indices.SCHEMA_VERSION):
                elasticsearch_indices.make(elastic, settings, generation)
        made.append(search.PROJECTION)
    return made


def make_generation(settings: Settings, projection: str, generation: int) -> None:
    """Make the tables or indices of one generation where it has some; a repeat changes nothing. Raises TroubleError."""
    settings = located(settings, "cassandra_hosts")
    if projection in CQL_STORES:
        with (
            cassandra_trouble(settings),
            closing(CqlSession(role(settings, "admin"))) as session,
            schema_locked(session, settings),
        ):
            create(session, CQL_STORES[projection], generation)
    elif projection == search.PROJECTION:
        with elasticsearch_trouble(), closing(Elastic(settings)) as elastic:
            elasticsearch_indices.make(elastic, settings, generation)


def _to_make(record: Record, version: int) -> list[int]:
    """Return the generations that have to have tables of this version."""
    return [it.number for it in record.generations if it.is_of(version) and it.state is not State.DROPPING]


def _is_of_another_version(session: CqlSession, store: type[CqlProjectionStore], generation: int) -> bool:
    """Tell whether it was made by another version, of which no record tells: that one goes on with it."""
    try:
        build = find_build(session, store.PROJECTION, generation)
    except StoreUnavailableError:
        raise
    except StoreError:  # not even the table `stores`: all is to be made
        return False
    return build is not None and build.schema_version != store.SCHEMA_VERSION
