"""What others decided about accounts, in memory: of all accounts few, and every request asks for it.

Some 100 bytes for each account that was ever suspended, limited, given a role or closed. Read as a whole once, then
one by one as the store tells of changes (`drop`). A suspension ends by the reader's clock, without an event.
What is known is kept while nobody tells what changed (servers are away), and read anew when somebody does again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.loading import News
from infra.projections import StoreError
from projections.accounts.read_model import ACTIVE, DELETED, PLAIN, SUSPENDED, Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from projections.accounts.read_model import AccountsReader

REFUSALS = {SUSPENDED: "account_suspended", DELETED: "account_deleted"}
"""Why an account may do nothing, by its status: the code of the problem."""

_NOBODY: frozenset[int] = frozenset()


def refusal_of(standing: Standing, now_ms: int) -> str | None:
    """Return the code of the problem for which an account of this standing may do nothing now, or None."""
    status = standing.status_at(now_ms)
    return None if status == ACTIVE else REFUSALS.get(status, REFUSALS[SUSPENDED])


class Standings:
    """Follows one reader at a time."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._reader: AccountsReader | None = None
        self._stale = True
        self._told = True
        self._known: dict[int, Standing] = {}
        self._news = News()
        self._judged_until_ms = 0  # when the next suspension ends; 0: something changed
        self._gone = self._limited = self._quarantined = _NOBODY

    def follow(self, reader: AccountsReader) -> None:
        """Read by this one from the next look on."""
        if reader is not self._reader:
            self._reader, self._stale = reader, True

    def look(self) -> None:
        """Read all where that is due. May wait, on servers; what was known holds until it is read."""
        if not self._stale or self._reader is None:
            return
        reader = self._reader
        with self._news.heard() as news:
            known = reader.standings()
        if reader is self._reader:
            self._known, self._stale, self._judged_until_ms = known, False, 0
            self._read_again(news)

    def refresh(self) -> None:
        """Follow the store's changes, where nobody else does."""
        if self._reader is not None:
            self.drop(self._reader.changed())

    def drop(self, ids: Collection[int]) -> None:
        """Read again what the store says has changed."""
        self._news.tell(ids)
        if ids and not self._stale:
            self._read_again(ids)

    def _read_again(self, ids: Collection[int]) -> None:
        if not ids or self._reader is None:
            return
        try:
            with self._news.heard() as news:
                found = self._reader.many(ids)
        except StoreError:
            self._stale = True  # these ids are told of once
            raise
        for user_id in set(ids) - news:
            standing = found[user_id].standing if user_id in found else PLAIN
            if self._known.get(user_id, PLAIN) != standing:
                self._known[user_id] = standing
                self._judged_until_ms = 0

    def rely(self, told: bool) -> None:
        """Read all again once changes are told again."""
        if told and not self._told:
            self._stale = True
        self._told = told

    def of(self, user_id: int) -> Standing:
        """Return an account's standing."""
        return self._known.get(user_id, PLAIN)

    def refusal(self, user_id: int) -> str | None:
        """Return the code of the problem for which an account may do nothing now, or None."""
        return refusal_of(self.of(user_id), self._now_ms())

    @property
    def gone(self) -> frozenset[int]:
        """The accounts that are not shown now."""
        self._judge()
        return self._gone

    @property
    def limited(self) -> frozenset[int]:
        """The accounts whose reach is limited: by moderators, or while they are quarantined."""
        self._judge()
        return self._limited

    def quarantine(self, user_ids: frozenset[int]) -> None:
        """Limit the reach of these accounts, too, and of no others that were quarantined before."""
        if user_ids != self._quarantined:
            self._quarantined, self._judged_until_ms = user_ids, 0

    def _judge(self) -> None:
        now_ms = self._now_ms()
        if now_ms < self._judged_until_ms:
            return
        ends = [it.suspended_until_ms for it in self._known.values() if it.suspended_until_ms > now_ms]
        self._gone = frozenset(it for it, known in self._known.items() if known.status_at(now_ms) != ACTIVE)
        self._limited = self._quarantined.union(it for it, known in self._known.items() if known.limited)
        self._judged_until_ms = min(ends, default=1 << 62)
