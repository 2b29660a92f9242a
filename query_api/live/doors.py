"""How many streams may be open: in all, for an account, for an address."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from infra.http.problems import Problem

if TYPE_CHECKING:
    from infra.settings import Settings

RETRY = {"Retry-After": "5"}


class Visitor(NamedTuple):
    """Who opens a stream, and from where."""

    user_id: int
    address: str


class Doors:
    """Counts who is in; the limits of accounts and addresses end with `rate_limits`."""

    def __init__(self, settings: Settings) -> None:
        self._most = settings.live_streams
        self._limited = settings.rate_limits
        self._per_account = settings.live_streams_per_account
        self._per_address = settings.live_streams_per_address
        self._accounts: Counter[int] = Counter()
        self._addresses: Counter[str] = Counter()
        self.inside = 0

    def enter(self, visitor: Visitor) -> None:
        """Let one in; raises the problems too_many_streams and overloaded."""
        if self.inside >= self._most:
            raise Problem("overloaded", "As many streams are open as this process holds.", headers=RETRY)
        if self._limited and self._accounts[visitor.user_id] >= self._per_account:
            raise Problem("too_many_streams", f"An account may have {self._per_account} streams open.", headers=RETRY)
        if self._limited and self._addresses[visitor.address] >= self._per_address:
            raise Problem("too_many_streams", f"An address may have {self._per_address} streams open.", headers=RETRY)
        self.inside += 1
        self._accounts[visitor.user_id] += 1
        self._addresses[visitor.address] += 1

    def leave(self, visitor: Visitor) -> None:
        """Let one out."""
        self.inside -= 1
        for counted, key in ((self._accounts, visitor.user_id), (self._addresses, visitor.address)):
            _less(counted, key)


def _less(counted: Counter[int] | Counter[str], key: int | str) -> None:
    counted[key] -= 1  # type: ignore[index]  # each has keys of its own kind
    if not counted[key]:  # type: ignore[index]
        del counted[key]
