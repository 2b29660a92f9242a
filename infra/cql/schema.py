"""Which keyspaces there are, and how definitions are written for the server that is asked.

Two keyspaces, because a row is either written with timestamps of our own or by compare-and-set, never by both:
`<cassandra_keyspace>` holds what has positions of the log for timestamps (the projections), `<cassandra_keyspace>_lwt`
what is compared and set (claims, leases, locks). Scylla allows compare-and-set only on tables without tablets (before
2025.4), so the second is made without them; to Cassandra that option is a syntax error, hence the question who it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from infra.trouble import TroubleError

if TYPE_CHECKING:
    from infra.cql.session import CqlSession
    from infra.settings import Settings

LONGEST_KEYSPACE = 44  # 48 of the server, less those of `_lwt`
_KEYSPACE = re.compile(rf"[a-z][a-z0-9_]{{0,{LONGEST_KEYSPACE - 1}}}")
_COMMENT = re.compile(r"--[^\n]*")
_IS_SCYLLA = (
    "SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'system' AND table_name = 'scylla_local'"
)


class Keyspaces(NamedTuple):
    """The names of the two."""

    rows: str
    lwt: str


def keyspaces(settings: Settings) -> Keyspaces:
    """Return the keyspaces of these settings; raises TroubleError for what is no name of one."""
    name = settings.cassandra_keyspace
    if not _KEYSPACE.fullmatch(name):
        remedy = f"name it with a-z, 0-9 and _, at most {LONGEST_KEYSPACE} of them"
        raise TroubleError(f"cassandra_keyspace is {name!r}", remedy)
    return Keyspaces(name, f"{name}_lwt")


def is_scylla(session: CqlSession) -> bool:
    """Ask the server whether it is Scylla."""
    return bool(session.run(_IS_SCYLLA))


def keyspace_statements(settings: Settings, *, scylla: bool) -> list[str]:
    """Return the definitions of both keyspaces."""
    copies = f"'{settings.cassandra_datacenter}': {settings.cassandra_replication}"
    replication = f"replication = {{'class': 'NetworkTopologyStrategy', {copies}}}"
    names = keyspaces(settings)
    without_tablets = " AND tablets = {'enabled': false}" if scylla else ""
    return [
        f"CREATE KEYSPACE IF NOT EXISTS {names.rows} WITH {replication}",
        f"CREATE KEYSPACE IF NOT EXISTS {names.lwt} WITH {replication}{without_tablets}",
    ]


def statements(text: str, settings: Settings) -> list[str]:
    """Return the statements of a .cql text, `{rows}` and `{lwt}` in it replaced by the names of the keyspaces."""
    for name, value in keyspaces(settings)._asdict().items():
        text = text.replace(f"{{{name}}}", value)
    return [statement.strip() for statement in _COMMENT.sub("", text).split(";") if statement.strip()]
