"""Apps of others in Scylla or Cassandra; see infra.auth.apps for what is kept and why.

Guarantee:  each call is durable when it returns; a call that fails may have been done, and may be repeated
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.auth.apps import App
from infra.cql.session import Call

if TYPE_CHECKING:
    from collections.abc import Collection

    from infra.cql.session import CqlSession

_ADD = "INSERT INTO apps (app_id, owner_id, name, redirect_uris, secret_hash) VALUES (?, ?, ?, ?, ?)"
_LIST = "INSERT INTO apps_by_owner (owner_id, app_id) VALUES (?, ?)"
_APP = "SELECT app_id, owner_id, name, redirect_uris, secret_hash FROM apps WHERE app_id = ?"
_LISTED = "SELECT app_id FROM apps_by_owner WHERE owner_id = ?"
_DROP = "DELETE FROM apps WHERE app_id = ?"
_DROP_LISTED = "DELETE FROM apps_by_owner WHERE owner_id = ? AND app_id = ?"


class CqlApps:
    """Used below a bridge, or by plain code; `session` is that of the keyspace of compare-and-set."""

    def __init__(self, session: CqlSession) -> None:
        self._session = session

    def add(self, app: App) -> None:
        """Keep a new app; listed first, so that its owner can remove whatever there is."""
        self._session.run(_LIST, (app.owner_id, app.app_id))
        self._session.run(_ADD, app)

    def many(self, app_ids: Collection[int]) -> dict[int, App]:
        """Return those that there are, by id."""
        found = self._session.run_all([Call(_APP, (app_id,)) for app_id in app_ids])
        return {row[0]: App(*row) for rows in found for row in rows}

    def registered_by(self, owner_id: int) -> list[App]:
        """Return what an account has registered, oldest first."""
        listed = [row[0] for row in self._session.run(_LISTED, (owner_id,))]
        found = self.many(listed)
        return [found[app_id] for app_id in listed if app_id in found]

    def remove(self, app: App) -> None:
        """Forget an app: it can get no tokens any more. A repeat changes nothing."""
        self._session.run(_DROP, (app.app_id,))
        self._session.run(_DROP_LISTED, (app.owner_id, app.app_id))

    def close(self) -> None:
        """Nothing to close: the session is whoever's opened it."""
