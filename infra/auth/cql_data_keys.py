"""The keys of personal data in Scylla or Cassandra; see infra.auth.data_keys for what is kept and why.

Guarantee:  made and destroyed by compare-and-set: one key an account, and none after it was destroyed
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.auth.data_keys import DataKey
from infra.auth.keys import secret
from infra.auth.personal_data import WRAPPING_SECRET
from infra.auth.seals import KeptSeals
from infra.cql.compare_and_set import compare_and_set
from infra.cql.schema import keyspaces
from infra.cql.session import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from infra.cql.session import CqlSession
    from infra.settings import Settings

_FIND = "SELECT user_id, wrapped, email, email_claim FROM {} WHERE user_id = ?"
_MAKE = "INSERT INTO {} (user_id, wrapped, email, email_claim) VALUES (?, ?, ?, ?) IF NOT EXISTS"
_NEVER = "INSERT INTO {} (user_id) VALUES (?) IF NOT EXISTS"
_DESTROY = "UPDATE {} SET wrapped = null, email = null, email_claim = null WHERE user_id = ? IF EXISTS"


class CqlDataKeys:
    """Used below a bridge, or by plain code; `session` gives the session when it is first needed."""

    def __init__(self, session: Callable[[], CqlSession], keyspace: str) -> None:
        """`keyspace` is that of compare-and-set."""
        self._session = session
        table = f"{keyspace}.data_keys"
        self._find, self._make, self._never, self._destroy = (
            statement.format(table) for statement in (_FIND, _MAKE, _NEVER, _DESTROY)
        )

    def find(self, user_ids: Collection[int]) -> dict[int, DataKey]:
        """Return what is kept of the accounts; absent: they never had a key."""
        found = self._session().run_all([Call(self._find, (user_id,)) for user_id in user_ids])
        return {row[0]: DataKey(*row[1:]) for rows in found for row in rows}

    def make(self, user_id: int, key: DataKey) -> None:
        """Keep a key, durably, unless there is one, or was."""
        compare_and_set(self._session(), self._make, (user_id, *key))

    def destroy(self, user_id: int) -> None:
        """Destroy an account's key: what was sealed under it can never be read again."""
        compare_and_set(self._session(), self._never, (user_id,))
        compare_and_set(self._session(), self._destroy, (user_id,))

    def close(self) -> None:
        """Nothing to close: the session is whoever's opened it."""


def seals_on_servers(settings: Settings, session: Callable[[], CqlSession]) -> KeptSeals:
    """Return the seals of an installation on servers."""
    keys = CqlDataKeys(session, keyspaces(settings).lwt)
    return KeptSeals(keys, secret(settings.keys_dir, WRAPPING_SECRET))
