"""The table of names: who owns each, and which commit holds it for the moment.

A commit first holds all its names, and decides; then the names are settled (taken, released, left free again) or given
back. Holding is exclusive, also for names that must only be free: whoever would claim one waits for that commit to be
over, so its events stand before his on the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from infra.cql.compare_and_set import compare_and_set
from infra.cql.session import Call
from infra.journal.intents import RELEASE, TAKE, Name
from infra.journal.port import AlreadyClaimedError, Claim, JournalError, NotClaimedError
from infra.projections import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.cql.session import CqlSession

_READ = "SELECT key, owner, intent, kind, at_ms FROM claims WHERE key = ?"
_HOLD_NEW = "INSERT INTO claims (key, owner, intent, kind, at_ms) VALUES (?, ?, ?, ?, ?) IF NOT EXISTS"
_HOLD_OWNED = "UPDATE claims SET intent = ?, kind = ?, at_ms = ? WHERE key = ? IF owner = ? AND intent = null"
_SETTLE = "UPDATE claims SET intent = null, kind = null, at_ms = null WHERE key = ? IF intent = ?"
_REMOVE = "DELETE FROM claims WHERE key = ? IF intent = ?"


class Held(NamedTuple):
    """One row: `intent` None says that `owner` simply owns the name."""

    key: str
    owner: int
    intent: bytes | None
    kind: str | None
    at_ms: int | None


class Conflict(NamedTuple):
    """A name that could not be held, and what stood in the way (None: nothing, by the time it was looked at)."""

    name: Name
    row: Held | None


class ClaimTable:
    """Holds, settles and gives back names."""

    def __init__(self, session: CqlSession) -> None:
        self._session = session

    def read(self, key: str) -> Held | None:
        """Return what is known of a name."""
        rows = self._session.run(_READ, (key,))
        return Held(*rows[0]) if rows else None

    def hold(self, names: Sequence[Name], ref: bytes, at_ms: int) -> list[Conflict]:
        """Hold all names at once for `ref`; return those that could not be."""
        answers = self._session.run_all([_hold(name, ref, at_ms) for name in names])
        missed = [name for name, [(held, *_)] in zip(names, answers, strict=True) if not held]
        conflicts = [Conflict(name, self.read(name.key)) for name in missed]
        return [it for it in conflicts if it.row is None or it.row.intent != ref]

    def settle(self, names: Sequence[Name], ref: bytes) -> None:
        """Make what `ref` decided permanent; a repeat changes nothing."""
        self._all(
            [Call(_SETTLE if name.kind == TAKE else _REMOVE, (name.key, ref), idempotent=False) for name in names]
        )

    def give_back(self, names: Sequence[Name], ref: bytes) -> None:
        """Leave the names as they were before `ref`; a repeat changes nothing."""
        statements = [(_SETTLE if name.kind == RELEASE else _REMOVE, name.key) for name in names]
        self._all([Call(statement, (key, ref), idempotent=False) for statement, key in statements])

    def _all(self, calls: Sequence[Call]) -> None:
        try:
            self._session.run_all(calls)
        except StoreUnavailableError:  # which of them were applied is not known: each changes nothing twice
            for call in calls:
                compare_and_set(self._session, call.statement, call.values)


def _hold(name: Name, ref: bytes, at_ms: int) -> Call:
    if name.kind == RELEASE:
        return Call(_HOLD_OWNED, (ref, RELEASE, at_ms, name.key, name.owner), idempotent=False)
    return Call(_HOLD_NEW, (name.key, name.owner, ref, name.kind, at_ms), idempotent=False)


def refusal_of(name: Name, row: Held | None) -> JournalError | None:
    """Return what is to be told where this is what stands settled of the name; None: it can be had."""
    if name.kind == RELEASE:
        return NotClaimedError(name.key) if row is None or row.owner != name.owner else None
    if row is None:
        return None
    return AlreadyClaimedError(Claim(name.key, name.owner if name.kind == TAKE else row.owner))
