"""Makes everything that Scylla or Cassandra has to hold before a process starts: keyspaces, tables, roles.

The tables of projections stand with their stores, which nothing here may import: their owner makes them, as a process.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

from infra.cql.migrate import migrate
from infra.cql.roles import make_roles, role
from infra.cql.schema_lock import schema_locked
from infra.cql.session import CqlSession
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.settings import Settings

PROJECTIONS = ("streams", "tables")
CHILD_SECONDS = 300.0  # some 20 tables, of 1 s each on a busy cluster, behind the lock of another who makes them


def migrate_all(settings: Settings, say: Callable[[str], None] = lambda _: None) -> None:
    """Make what is missing, as the admin; a repeat changes nothing. Raises TroubleError, StoreError."""
    with closing(CqlSession(role(settings, "admin"), keyspace="")) as session:
        for name in migrate(session, settings, say=say):
            say(f"tables of {name}: made")
        _make_projections(settings, say)
        with schema_locked(session, settings, say):
            make_roles(session, settings, say)


def _make_projections(settings: Settings, say: Callable[[str], None]) -> None:
    command = [sys.executable, "-m", *PROJECTIONS]
    done = subprocess.run(  # noqa: S603 - our own module
        command, env=settings.environment(), capture_output=True, text=True, timeout=CHILD_SECONDS, check=False
    )
    if done.returncode:
        told = done.stderr.strip().splitlines() or [f"it ended with code {done.returncode}"]
        raise TroubleError(f"the tables of the projections were not made: {told[-1]}", "")
    for line in done.stdout.splitlines():
        say(line)
