"""Which devices an account is told on: the port. Kept out of the log, so that what is gone is gone.

An endpoint is a capability and says which browser somebody has: it belongs to one account, the last that gave it, and
an account has the MAX_SUBSCRIPTIONS that it gave last.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection

    from infra.push.webpush import Keys

MAX_SUBSCRIPTIONS = 10
"""Of an account."""


class Subscription(NamedTuple):
    """One device of an account."""

    user_id: int
    endpoint: str
    keys: Keys
    at_ms: int

    @property
    def subscription_id(self) -> str:
        """Its name, the same whenever the same endpoint is given."""
        return id_of(self.endpoint)


def id_of(endpoint: str) -> str:
    """Return the name of an endpoint's subscription."""
    return hashlib.sha256(endpoint.encode()).hexdigest()[:32]


class Subscriptions(Protocol):
    """Where they are kept; calls raise StoreUnavailableError."""

    def add(self, subscription: Subscription) -> None:
        """Keep a subscription, in place of another account's to the same endpoint; the account's oldest may go."""

    def remove(self, user_id: int, subscription_id: str) -> None:
        """Forget an account's subscription; one that is not there is forgotten already."""

    def of(self, user_ids: Collection[int]) -> dict[int, list[Subscription]]:
        """Return the subscriptions of those of the accounts that have any."""

    def close(self) -> None:
        """Close it."""
