"""Gives every account of an import the same password, on Scylla or Cassandra (infra.auth.cql_credentials)."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from infra.cql.session import Call

if TYPE_CHECKING:
    from collections.abc import Iterable

    from commands.imports.passwords import Registered
    from infra.cql.session import CqlSession

AT_ONCE = 1_000
_GIVE = "INSERT INTO accounts (user_id, password_hash) VALUES (?, ?)"


def give(session: CqlSession, accounts: Iterable[Registered], password_hash: str) -> None:
    """Keep the hash for all accounts; a repeat renews it. Keys of personal data come when they are first needed."""
    waiting = (it.user_id for it in accounts)
    while user_ids := list(islice(waiting, AT_ONCE)):
        session.run_all([Call(_GIVE, (user_id, password_hash)) for user_id in user_ids])
