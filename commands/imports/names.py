"""Claims names in bulk in the journal's table on Scylla or Cassandra (infra.journal.claim_table), settled at once.

A name that anybody may want (an account's) is taken by a compare-and-set of its own, so it has one owner, whoever
claims it at that moment. A retweet's name can be wanted by one account only, which the import has just made. It is a
plain write, a fifth of the work, USING TIMESTAMP of the retweet itself: older than every compare-and-set there will be,
so it gives way to all of them. One that was undone since stays undone when its chunk is appended again.

Guarantee: when `take` returns, all names are taken. A repeat finds its own names and changes nothing
Cost:      a compare-and-set takes Cassandra about a millisecond of CPU: of a Higgs file, most of the time of the load
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.claims import RETWEET
from commands.imports.errors import ImportConflictError
from infra.cql.session import Call
from infra.projections import StoreUnavailableError
from schemas.ids import unix_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.cql.session import CqlSession
    from infra.journal.port import Claim

_TAKE = "INSERT INTO claims (key, owner) VALUES (?, ?) IF NOT EXISTS"
_NOTE = "INSERT INTO claims (key, owner) VALUES (?, ?) USING TIMESTAMP ?"
_READ = "SELECT owner FROM claims WHERE key = ?"
_ATTEMPTS = 5  # of a chunk in which one timed out: whether that one was taken, the next attempt finds out


class ClusterNames:
    """The names of one installation; `session` is that of the keyspace of compare-and-set. Its calls block."""

    def __init__(self, session: CqlSession) -> None:
        self._session = session

    def take(self, claims: Sequence[Claim]) -> None:
        """Take all names; raises ImportConflictError where another has one, StoreError where nobody answers."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._session.run_all([_noted(claim) for claim in claims if claim.key.startswith(RETWEET)])
                self._compete([claim for claim in claims if not claim.key.startswith(RETWEET)])
            except StoreUnavailableError:
                if attempt == _ATTEMPTS:
                    raise
            else:
                return

    def _compete(self, claims: Sequence[Claim]) -> None:
        answers = self._session.run_all([Call(_TAKE, claim, idempotent=False) for claim in claims])
        self._check([claim for claim, [row] in zip(claims, answers, strict=True) if not row[0]])

    def _check(self, held: Sequence[Claim]) -> None:
        """Raise ImportConflictError unless what is held is held by those who claim it."""
        answers = self._session.run_all([Call(_READ, (claim.key,)) for claim in held])
        for claim, rows in zip(held, answers, strict=True):
            if (claim.owner,) not in rows:
                raise ImportConflictError(f"{claim.key} is taken already")


def _noted(claim: Claim) -> Call:
    return Call(_NOTE, (claim.key, claim.owner, unix_ms(claim.owner) * 1000))
