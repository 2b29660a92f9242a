"""Which devices an account is told on, in one file; see infra.push.subscriptions.

A power cut may lose the newest: browsers give theirs again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import apsw

from infra.projections import StoreUnavailableError
from infra.push.subscriptions import MAX_SUBSCRIPTIONS, Subscription
from infra.push.webpush import Keys
from infra.sqlite.connections import Durability, is_disk_trouble, open_writer, rows, run_script

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path
    from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS subscriptions (
    subscription_id TEXT PRIMARY KEY, user_id INTEGER NOT NULL, endpoint TEXT NOT NULL,
    p256dh BLOB NOT NULL, auth BLOB NOT NULL, at_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS subscriptions_by_user ON subscriptions (user_id, at_ms);
"""
_TRIM = """
DELETE FROM subscriptions WHERE subscription_id IN (
    SELECT subscription_id FROM subscriptions WHERE user_id = ? ORDER BY at_ms DESC, subscription_id LIMIT -1 OFFSET ?)
"""
_OF = """
SELECT user_id, endpoint, p256dh, auth, at_ms FROM subscriptions
WHERE user_id IN (SELECT value FROM json_each(?)) ORDER BY user_id, at_ms
"""


class SqliteSubscriptions:
    """The file; several processes may have it open."""

    def __init__(self, path: Path) -> None:
        self._db = open_writer(path, Durability.NORMAL)
        path.chmod(0o600)
        self._try(lambda: run_script(self._db, _SCHEMA))

    def add(self, subscription: Subscription) -> None:
        """Keep a subscription, in place of another account's to the same endpoint; the account's oldest may go."""
        user_id, endpoint, (p256dh, auth), at_ms = subscription
        row = (subscription.subscription_id, user_id, endpoint, p256dh, auth, at_ms)

        def kept() -> None:
            with self._db:
                self._db.execute("INSERT OR REPLACE INTO subscriptions VALUES (?, ?, ?, ?, ?, ?)", row)
                self._db.execute(_TRIM, (user_id, MAX_SUBSCRIPTIONS))

        self._try(kept)

    def remove(self, user_id: int, subscription_id: str) -> None:
        """Forget an account's subscription; one that is not there is forgotten already."""
        statement = "DELETE FROM subscriptions WHERE user_id = ? AND subscription_id = ?"
        self._try(lambda: self._db.execute(statement, (user_id, subscription_id)))

    def of(self, user_ids: Collection[int]) -> dict[int, list[Subscription]]:
        """Return the subscriptions of those of the accounts that have any."""
        found: dict[int, list[Subscription]] = {}
        ids = f"[{','.join(map(str, user_ids))}]"
        for user_id, endpoint, p256dh, auth, at_ms in self._try(lambda: rows(self._db, _OF, (ids,))):
            found.setdefault(user_id, []).append(Subscription(user_id, endpoint, Keys(p256dh, auth), at_ms))
        return found

    def _try(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except apsw.Error as error:
            if not is_disk_trouble(error):
                raise
            raise StoreUnavailableError(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()
