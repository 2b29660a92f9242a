"""Accounts that are to be erased, in Scylla or Cassandra; see infra.auth.departures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.cql.compare_and_set import compare_and_set
from infra.cql.session import Call

if TYPE_CHECKING:
    from infra.cql.session import CqlSession

BUCKETS = 64  # a day's departures of a big installation, times the days of grace, in partitions of 100,000 rows

_NOTE = "INSERT INTO departures (bucket, user_id, erase_at_ms, leased_ms) VALUES (?, ?, ?, 0) IF NOT EXISTS"
_MOVE = "UPDATE departures SET erase_at_ms = ? WHERE bucket = ? AND user_id = ? IF EXISTS"
_AT = "SELECT erase_at_ms FROM departures WHERE bucket = ? AND user_id = ?"
_ALL = "SELECT user_id, erase_at_ms FROM departures WHERE bucket = ?"
_LEASE = "UPDATE departures SET leased_ms = ? WHERE bucket = ? AND user_id = ? IF leased_ms < ?"
_FORGET = "DELETE FROM departures WHERE bucket = ? AND user_id = ? IF EXISTS"


class CqlDepartures:
    """Used below a bridge, or by plain code; `session` is that of the keyspace of compare-and-set."""

    def __init__(self, session: CqlSession) -> None:
        self._session = session

    def note(self, user_id: int, erase_at_ms: int) -> None:
        """Have an account erased from then on; said again, the last time counts."""
        if compare_and_set(self._session, _NOTE, (*_place(user_id), erase_at_ms)) is not True:
            compare_and_set(self._session, _MOVE, (erase_at_ms, *_place(user_id)))

    def erase_at(self, user_id: int) -> int | None:
        """Return when an account is to be erased, or None."""
        found = self._session.run(_AT, _place(user_id))
        return found[0][0] if found else None

    def due(self, now_ms: int, limit: int) -> list[int]:
        """Return accounts whose time has come."""
        found = self._session.run_all([Call(_ALL, (bucket,)) for bucket in range(BUCKETS)])
        waiting = sorted((at_ms, user_id) for rows in found for user_id, at_ms in rows if at_ms <= now_ms)
        return [user_id for _, user_id in waiting[:limit]]

    def lease(self, user_id: int, now_ms: int, until_ms: int) -> bool:
        """Tell whether this process may be about an account until then: no other is."""
        return compare_and_set(self._session, _LEASE, (until_ms, *_place(user_id), now_ms)) is True

    def forget(self, user_id: int) -> None:
        """Have an account erased no more, or it is done."""
        compare_and_set(self._session, _FORGET, _place(user_id))

    def close(self) -> None:
        """Nothing to close: the session is whoever's opened it."""


def _place(user_id: int) -> tuple[int, int]:
    return user_id % BUCKETS, user_id
