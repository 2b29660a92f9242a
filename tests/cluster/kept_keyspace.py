"""Keyspaces that tests use one after the other: to make the tables takes long, to empty them does not.

The tables of `murmur migrate` are 72, of a tenth to a quarter of a second each. They are those of this run of the
tests: what an earlier one left is dropped.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from infra.cql.schema import keyspaces

if TYPE_CHECKING:
    from infra.cql.session import CqlSession
    from infra.settings import Settings

PASSWORDS = dict.fromkeys(("cassandra_app_password", "cassandra_query_password"), "the same in all tests")
"""Cassandra goes by the one before for five seconds."""
AT_ONCE = 8
STAYS = "migrations"  # what it tells is still so
_LATER_GENERATION = re.compile(r".*_g([2-9]|\d\d+)")
_TABLES = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?"

_seen: set[tuple[str, str]] = set()
"""Where, and the name: whose tables are those of this run."""


def begin_anew(session: CqlSession, settings: Settings) -> None:
    """Let a keyspace be as good as new: tables, but no rows; or, where this run has not had it yet, nothing at all."""
    place = settings.cassandra_hosts, settings.cassandra_keyspace
    if place in _seen:
        empty(session, settings)
    else:
        drop(session, settings)
    _seen.add(place)


def drop(session: CqlSession, settings: Settings) -> None:
    """Drop both keyspaces."""
    for keyspace in keyspaces(settings):
        session.execute(f"DROP KEYSPACE IF EXISTS {keyspace}")


def empty(session: CqlSession, settings: Settings) -> None:
    """Take out all rows, and the tables of what was built beside the first generation."""
    tables = [f"{keyspace}.{row[0]}" for keyspace in keyspaces(settings) for row in session.run(_TABLES, (keyspace,))]
    later = [table for table in tables if _LATER_GENERATION.fullmatch(table)]
    for table in later:
        session.execute(f"DROP TABLE {table}")
    filled = [table for table in tables if table not in later and not table.endswith(f".{STAYS}")]
    with ThreadPoolExecutor(AT_ONCE) as pool:  # a table without rows may have tombstones: it is emptied, too
        list(pool.map(session.execute, [f"TRUNCATE {table}" for table in filled]))
