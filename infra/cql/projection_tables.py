"""The tables of projections: made and dropped by generation, and refused where they are another version's or log's.

`stores` tells of each generation when it was made (its `build`), by which version, and from which log it is filled.
`checkpoints` has one CQL partition a generation, so that one cheap query tells the progress of everything.
`news` tells caches what to drop, for ten minutes: a row a span, of packed ids.

Rows whose timestamps are positions of the log can never be deleted and written again: a deletion has the time of the
clock, which is later than any position. So tables are dropped, and in the shared two every build has rows of its own.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol

from infra.clock import SystemClock
from infra.projections import StoreError, StoreUnavailableError, WrongSpanError
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.cql.session import CqlSession

NEWS_SECONDS = 600
"""How long a cache may be out of touch before it has to be made anew: a hundred times infra.progress.SILENT_S."""

_SPECULATE = "speculative_retry = '50ms'"
_SHARED = {
    "stores": "(projection text, generation int, build bigint, schema_version int, log_id text,"
    " PRIMARY KEY (projection, generation))",
    "checkpoints": "(generation int, projection text, build bigint, topic text, partition int,"
    " next_offset bigint, changed_at bigint,"
    " PRIMARY KEY (generation, projection, build, topic, partition))",
    "news": "(build bigint, projection text, topic text, partition int, place bigint, ids blob,"
    " PRIMARY KEY ((build, projection, topic, partition), place))"
    f" WITH default_time_to_live = {NEWS_SECONDS} AND gc_grace_seconds = {NEWS_SECONDS}",  # nothing is deleted in it
}
_STORE = "SELECT build, schema_version, log_id FROM stores WHERE projection = ? AND generation = ?"
_MADE = "INSERT INTO stores (projection, generation, build, schema_version) VALUES (?, ?, ?, ?)"
_FILLED = "UPDATE stores SET log_id = ? WHERE projection = ? AND generation = ?"
_GONE = "DELETE FROM stores WHERE projection = ? AND generation = ?"
_FORGET = "DELETE FROM checkpoints WHERE generation = ? AND projection = ?"
_MIGRATE = "make its tables: `murmur migrate`"


class StoreTables(Protocol):
    """What the class of a store says of its tables."""

    PROJECTION: ClassVar[str]
    SCHEMA_VERSION: ClassVar[int]
    TABLES: ClassVar[Mapping[str, str]]


class Build(NamedTuple):
    """One making of a generation's tables: unix milliseconds, never the same again."""

    id: int
    schema_version: int
    log_id: str | None


def create(session: CqlSession, store: type[StoreTables], generation: int = 1) -> None:
    """Make the tables of a generation where they are missing; repeatable; by one process at a time (the schema lock).

    Raises TroubleError where another version of the store made them.
    """
    for name, columns in _SHARED.items():
        session.execute(_definition(name, columns))
    build = find_build(session, store.PROJECTION, generation)
    if build is not None:
        _check_version(store, generation, build)
    for name, columns in store.TABLES.items():
        session.execute(_definition(named(f"{name}{{g}}", generation), columns))
    if build is None:
        session.run(_MADE, (store.PROJECTION, generation, SystemClock().now_ms(), store.SCHEMA_VERSION))


def drop(session: CqlSession, store: type[StoreTables], generation: int = 1) -> None:
    """Drop the tables of a generation, its name first, so that half of it is never opened."""
    session.run(_GONE, (store.PROJECTION, generation))
    for name in store.TABLES:
        session.execute(named(f"DROP TABLE IF EXISTS {name}{{g}}", generation))


def forget_checkpoints(session: CqlSession, projection: str, generation: int) -> None:
    """Delete how far a generation was; the builds of another have rows of their own."""
    session.run(_FORGET, (generation, projection))


def open_tables(session: CqlSession, store: type[StoreTables], generation: int, log_id: str) -> Build:
    """Return the build of a generation, to be filled from this log; raises TroubleError or WrongSpanError."""
    build = known_build(session, store.PROJECTION, generation)
    _check_version(store, generation, build)
    if build.log_id is None:
        session.run(_FILLED, (log_id, store.PROJECTION, generation))
        build = known_build(session, store.PROJECTION, generation)
    if build.log_id != log_id:
        raise WrongSpanError(
            f"{store.PROJECTION} (generation {generation}) holds log {build.log_id}; wanted: {log_id}; "
            "drop its tables to rebuild it from the log"
        )
    return build


def find_build(session: CqlSession, projection: str, generation: int) -> Build | None:
    """Read who a generation is; None where it was never made."""
    found = session.run(_STORE, (projection, generation))
    return Build._make(found[0]) if found and found[0][0] is not None else None


def known_build(session: CqlSession, projection: str, generation: int) -> Build:
    """Read who a generation is; raises TroubleError where it was never made."""
    try:
        build = find_build(session, projection, generation)
    except StoreUnavailableError:
        raise
    except StoreError as error:  # not even the table `stores`
        raise TroubleError(f"{projection} cannot be opened ({error})", _MIGRATE) from error
    if build is None:
        raise TroubleError(f"{projection} (generation {generation}) has no tables", _MIGRATE)
    return build


def put(table: str, columns: str) -> str:
    """Return the statement that writes a row of `table{g}` at a timestamp, which is its last value."""
    values = ", ".join("?" * len(columns.split(",")))
    return f"INSERT INTO {table}{{g}} ({columns}) VALUES ({values}) USING TIMESTAMP ?"


@cache
def named(text: str, generation: int) -> str:
    """Return a statement with every `{g}`, which ends the name of a table, replaced."""
    return text.replace("{g}", f"_g{generation}")


def _check_version(store: type[StoreTables], generation: int, build: Build) -> None:
    if build.schema_version != store.SCHEMA_VERSION:
        what = f"{store.PROJECTION} (generation {generation}) has tables of schema {build.schema_version}"
        raise TroubleError(f"{what}, this version wants {store.SCHEMA_VERSION}", "drop them, then `murmur migrate`")


def _definition(name: str, columns: str) -> str:
    more = "AND" if " WITH " in columns else "WITH"
    return f"CREATE TABLE IF NOT EXISTS {name} {columns} {more} {_SPECULATE}"
