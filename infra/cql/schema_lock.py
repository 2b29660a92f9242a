"""Lets one process at a time change definitions: two that make the same table at once may make two of one name.

The lock is a row that its owner renews before each statement; whoever is killed leaves it to expire.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from infra.cql.schema import keyspaces
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from infra.cql.session import CqlSession
    from infra.settings import Settings

LEASE_SECONDS = 30  # a statement takes below one second, on a busy cluster below ten
PATIENCE_SECONDS = 120.0  # of whoever waits: four leases
POLL_SECONDS = 0.2
NAME = "schema"


@contextmanager
def schema_locked(
    session: CqlSession, settings: Settings, say: Callable[[str], None] = lambda _: None
) -> Iterator[Callable[[], None]]:
    """Hold the lock; the callable given renews it, and raises TroubleError where it was lost."""
    table = f"{keyspaces(settings).lwt}.locks"
    owner = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
    _take(session, table, owner, say)

    def renew() -> None:
        query = f"UPDATE {table} USING TTL {LEASE_SECONDS} SET owner = ? WHERE name = ? IF owner = ?"
        if not session.run(query, (owner, NAME, owner), idempotent=False)[0][0]:
            raise TroubleError("another process has taken over the lock of the schema", "run it again")

    try:
        yield renew
    finally:
        query = f"DELETE FROM {table} WHERE name = ? IF owner = ?"
        session.run(query, (NAME, owner), idempotent=False)


def _take(session: CqlSession, table: str, owner: str, say: Callable[[str], None]) -> None:
    query = f"INSERT INTO {table} (name, owner) VALUES (?, ?) IF NOT EXISTS USING TTL {LEASE_SECONDS}"
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    told = False
    while True:
        applied, *row = session.run(query, (NAME, owner), idempotent=False)[0]
        if applied or owner in row:  # the latter: an answer was lost, and the question asked again
            return
        if time.monotonic() > give_up_at:
            raise TroubleError(f"{row[-1]} keeps the lock of the schema", "end that process, or wait for it")
        if not told:
            say(f"waiting for {row[-1]}, which is changing the schema")
            told = True
        time.sleep(POLL_SECONDS)  # Cassandra tells nobody when a row is gone
