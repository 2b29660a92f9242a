"""Gives every account of an import the same password, on Scylla or Cassandra (infra.auth.cql_credentials)."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from infra.auth.personal_data import new_key
from infra.cql.session import Call

if TYPE_CHECKING:
    from collections.abc import Iterable

    from commands.imports.passwords import Registered
    from infra.cql.session import CqlSession

AT_ONCE = 1_000
_READ = "SELECT data_key FROM accounts WHERE user_id = ?"
_NEW = "INSERT INTO accounts (user_id, password_hash, data_key) VALUES (?, ?, ?)"
_RENEW = "INSERT INTO accounts (user_id, password_hash) VALUES (?, ?)"


def give(session: CqlSession, accounts: Iterable[Registered], password_hash: str) -> None:
    """Keep the hash for all accounts; a repeat renews it, and leaves the key of an account's personal data."""
    waiting = (it.user_id for it in accounts)
    while user_ids := list(islice(waiting, AT_ONCE)):
        known = session.run_all([Call(_READ, (user_id,)) for user_id in user_ids])
        session.run_all(
            [
                Call(_RENEW, (user_id, password_hash)) if rows else Call(_NEW, (user_id, password_hash, new_key()))
                for user_id, rows in zip(user_ids, known, strict=True)
            ]
        )
