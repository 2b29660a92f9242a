"""Which sessions have ended before their tokens did: followed in Scylla or Cassandra, in memory at every request.

A thread looks every POLL_SECONDS at the minutes that can still change; a request only looks into a set. While the
servers are away the last known set is used, and `behind_seconds` says since when.

Guarantee:  a session that was revoked at another process is refused here within a second; at this one, at once
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from infra.auth.revocations import LONGEST_ACCESS_TOKEN_MS
from infra.cql.session import Call
from infra.projections import StoreError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from infra.cql.session import CqlSession

POLL_SECONDS = 0.25
CURRENT_SECONDS = 5.0  # some polls that failed, or one that timed out on a busy server
MINUTE_MS = 60_000
LATE_MINUTES = 2  # how far another process's clock may be behind, and its write under way
_KEPT_SECONDS = 2 * LONGEST_ACCESS_TOKEN_MS // 1000

_RECORD = f"""INSERT INTO revocations (minute, session_id, at_ms) VALUES (?, ?, ?)
              USING TTL {_KEPT_SECONDS}"""

logger = logging.getLogger(__name__)


def record_revocation(session: CqlSession, session_id: int, now_ms: int) -> None:
    """Let all followers know that a session has ended; a repeat changes nothing."""
    session.run(_RECORD, (now_ms // MINUTE_MS, session_id, now_ms))


class CqlRevocations:
    """Follows the table until closed. `keyspace` is that of the table where the session's own is another."""

    def __init__(self, session: CqlSession, now_ms: int, *, keyspace: str = "", poll_s: float = POLL_SECONDS) -> None:
        """Read what was revoked in the last LONGEST_ACCESS_TOKEN_MS; raises StoreError."""
        self._session = session
        self._poll_seconds = poll_s
        self._read = f"SELECT session_id, at_ms FROM {keyspace and keyspace + '.'}revocations WHERE minute = ?"
        self._revoked: dict[int, int] = {}
        self._offset_ms = now_ms - time.time_ns() // 1_000_000  # of the clock that is asked, to the machine's
        self._looked_at = 0.0
        self._look(range((now_ms - LONGEST_ACCESS_TOKEN_MS) // MINUTE_MS, now_ms // MINUTE_MS + LATE_MINUTES))
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="revocations", daemon=True)
        self._thread.start()

    def __contains__(self, session_id: int) -> bool:
        return session_id in self._revoked

    def among(self, session_ids: Collection[int]) -> Collection[int]:
        """Return those of the sessions that were revoked."""
        return [session_id for session_id in session_ids if session_id in self._revoked]

    def add(self, session_id: int) -> None:
        """Know at once of a session that this process has revoked."""
        self._revoked[session_id] = self._now_ms()

    @property
    def behind_seconds(self) -> float:
        """Return how long ago the table was last read: what was revoked elsewhere since is not known here."""
        return time.monotonic() - self._looked_at

    @property
    def current(self) -> bool:
        """Tell whether what others revoke is heard of."""
        return self.behind_seconds < CURRENT_SECONDS

    def _follow(self) -> None:
        while not self._closing.wait(self._poll_seconds):
            minute = self._now_ms() // MINUTE_MS
            first = minute - LATE_MINUTES - int(self.behind_seconds // 60)  # what was missed while nobody answered
            was_current = self.current
            try:
                self._look(range(first, minute + LATE_MINUTES))
            except StoreError as error:
                if was_current and not self.current:
                    logger.warning("revocations are not heard of: %s", error)
            else:
                self._forget()

    def _look(self, minutes: Iterable[int]) -> None:
        began = time.monotonic()
        for rows in self._session.run_all([Call(self._read, (minute,)) for minute in minutes]):
            self._revoked.update(rows)
        self._looked_at = began

    def _forget(self) -> None:
        before_ms = self._now_ms() - _KEPT_SECONDS * 1000
        for session_id in [it for it, at_ms in list(self._revoked.items()) if at_ms < before_ms]:
            del self._revoked[session_id]

    def _now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self._offset_ms

    def close(self) -> None:
        """Stop looking; the session is whoever's opened it."""
        self._closing.set()
        self._thread.join()
