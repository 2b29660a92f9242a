"""Which devices an account is told on, in Scylla or Cassandra; see infra.push.subscriptions.

Two tables, each with one row a device: whose it is, and what an account has. A subscription that is given by two
accounts at the same moment may stand under both until it is given again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.cql.many import read_many
from infra.cql.session import Call
from infra.push.subscriptions import MAX_SUBSCRIPTIONS, Subscription
from infra.push.webpush import Keys

if TYPE_CHECKING:
    from collections.abc import Collection

    from infra.cql.session import CqlSession

_OWNER = "SELECT user_id FROM push_endpoints WHERE subscription_id = ?"
_OWN = "INSERT INTO push_endpoints (subscription_id, user_id) VALUES (?, ?)"
_DISOWN = "DELETE FROM push_endpoints WHERE subscription_id = ?"
_ADD = (
    "INSERT INTO push_subscriptions (user_id, subscription_id, endpoint, p256dh, auth, at_ms) VALUES (?, ?, ?, ?, ?, ?)"
)
_REMOVE = "DELETE FROM push_subscriptions WHERE user_id = ? AND subscription_id = ?"
_OF = "SELECT user_id, endpoint, p256dh, auth, at_ms FROM push_subscriptions WHERE user_id IN ?"


class CqlSubscriptions:
    """Used below a bridge, or by plain code (Subscriptions); `session` is that of the keyspace of compare-and-set."""

    def __init__(self, session: CqlSession) -> None:
        self._session = session

    def add(self, subscription: Subscription) -> None:
        """Keep a subscription, in place of another account's to the same endpoint; the account's oldest may go."""
        name, (user_id, endpoint, (p256dh, auth), at_ms) = subscription.subscription_id, subscription
        owners = self._session.run(_OWNER, (name,))
        self._session.run_all([Call(_REMOVE, (owner, name)) for (owner,) in owners if owner != user_id])
        self._session.run(_ADD, (user_id, name, endpoint, p256dh, auth, at_ms))
        self._session.run(_OWN, (name, user_id))
        kept = sorted(self.of([user_id]).get(user_id, ()), key=lambda it: it.at_ms, reverse=True)
        for oldest in kept[MAX_SUBSCRIPTIONS:]:
            self.remove(user_id, oldest.subscription_id)

    def remove(self, user_id: int, subscription_id: str) -> None:
        """Forget an account's subscription; one that is not there is forgotten already."""
        if (user_id,) in {tuple(row) for row in self._session.run(_OWNER, (subscription_id,))}:
            self._session.run(_DISOWN, (subscription_id,))
        self._session.run(_REMOVE, (user_id, subscription_id))

    def of(self, user_ids: Collection[int]) -> dict[int, list[Subscription]]:
        """Return the subscriptions of those of the accounts that have any."""
        found: dict[int, list[Subscription]] = {}
        for user_id, endpoint, p256dh, auth, at_ms in read_many(self._session, _OF, user_ids):
            found.setdefault(user_id, []).append(Subscription(user_id, endpoint, Keys(p256dh, auth), at_ms))
        return found

    def close(self) -> None:
        """Nothing: the session is its opener's."""
