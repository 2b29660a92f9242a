"""The backends on Scylla or Cassandra: one keyspace a session, emptied for each file that a test would have made."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from infra.cql.projection_tables import create, named
from infra.cql.session import Call
from infra.projections import placed
from tests.cql_keyspaces import migrated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from infra.cql.projection_store import CqlProjectionStore
    from infra.cql.session import CqlSession
    from infra.projections import Placed, ProjectionStore
    from infra.settings import Settings
    from schemas.envelope import Event

_sessions: list[CqlSession] = []
"""The one of this run, while it is open."""
_made: list[tuple[CqlSession, type[CqlProjectionStore]]] = []
"""Which stores' tables are there."""


class OpenReader(Protocol):
    def __call__(self, session: CqlSession) -> Any: ...


class CqlBackend(NamedTuple):
    """What tests.contract.backends.Backend has."""

    project: Callable[[Sequence[Event]], Sequence[Placed]]
    open_store: Callable[[Path, str], ProjectionStore]
    open_reader: Callable[[Path], Any]


def cql_backend(
    project: Callable[[Sequence[Event]], Sequence[Any]], store: type[CqlProjectionStore], reader: OpenReader
) -> CqlBackend:
    """Return a backend whose tables are empty when a path is opened that was not opened last."""
    last: list[Path] = []

    def session_for(path: Path) -> CqlSession:
        (session,) = _sessions
        if last != [path]:
            last[:] = [path]
            empty(session, store)
        return session

    return CqlBackend(
        placed(project),
        lambda path, log_id: store(session_for(path), log_id),
        lambda path: reader(session_for(path)),
    )


def empty(session: CqlSession, store: type[CqlProjectionStore]) -> None:
    """Take all rows out of the tables of a store, made where they are missing, and begin a new build.

    To truncate costs 40 ms a table, to look whether there is a row 2; most tests leave most tables empty.
    """
    if (session, store) not in _made:
        create(session, store)
        _made.append((session, store))
    tables = [named(f"{table}{{g}}", 1) for table in store.TABLES]
    looks = session.run_all([Call(f"SELECT * FROM {table} LIMIT 1") for table in tables])
    with ThreadPoolExecutor(len(tables)) as pool:
        filled = (table for table, found in zip(tables, looks, strict=True) if found)
        list(pool.map(session.execute, [f"TRUNCATE {table}" for table in filled]))
    build = (store.PROJECTION, 1, time.time_ns(), store.SCHEMA_VERSION, None)
    session.run(
        "INSERT INTO stores (projection, generation, build, schema_version, log_id) VALUES (?, ?, ?, ?, ?)", build
    )


@contextmanager
def connected(settings: Settings) -> Iterator[None]:
    """Give the backends a keyspace of their own for the length of a `with`."""
    with migrated(settings, "contract") as session:
        _sessions.append(session)
        try:
            yield
        finally:
            _sessions.clear()
            _made.clear()
