"""What the journal of the cluster answers from its tables: who owns a name, what a key was answered.

A name that is held by an intent belongs to whom that intent's state says: to its new owner as soon as it is committed,
to its old one until then.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from infra.bridge import is_bridged, wait_for
from infra.journal.intents import COMMITTED, DONE, FREE, RUN_BYTES, TAKE, id_of
from infra.journal.port import IdempotencyKeyReusedError
from infra.log.port import LogUnavailableError
from infra.projections import StoreUnavailableError

if TYPE_CHECKING:
    from infra.journal.claim_table import ClaimTable
    from infra.journal.intents import Intent, Intents
    from infra.journal.port import Answer, IdempotencyKey
    from infra.journal.recovery import Recovery

PAUSE_SECONDS = 0.01  # between two looks at what another process holds: nobody tells when it is over


class Known:
    """Reads; raises LogUnavailableError where the store does not answer."""

    def __init__(self, intents: Intents, claims: ClaimTable, recovery: Recovery, wait_seconds: float) -> None:
        self._intents = intents
        self._claims = claims
        self._recovery = recovery
        self._wait_seconds = wait_seconds
        self._forgotten_ms = 0

    def forget_before(self, ms: int) -> None:
        """Take answers older than that for forgotten."""
        self._forgotten_ms = max(self._forgotten_ms, ms)

    def is_forgotten(self, intent: Intent) -> bool:
        """Tell whether its answer is too old to be given again, or was an account's that is erased."""
        is_erased = intent.account != 0 and not intent.body
        return intent.state == DONE and (intent.at_ms < self._forgotten_ms or is_erased)

    def answered(self, key: IdempotencyKey) -> Answer | None:
        """Return the answer given before; raises IdempotencyKeyReusedError. Bridged, one under way is waited for."""
        try:
            if is_bridged():
                return wait_for(self._answered(key))
            there = self._intents.read(id_of(key))
        except StoreUnavailableError as error:
            raise LogUnavailableError(str(error)) from error
        if there is None or there.state != DONE or self.is_forgotten(there):
            return None
        if there.request_hash != key.request_hash:
            raise IdempotencyKeyReusedError(key.key)
        return there.answer(replayed=True)

    async def _answered(self, key: IdempotencyKey) -> Answer | None:
        until = time.monotonic() + self._wait_seconds
        while (there := self._intents.read(id_of(key))) is not None and not self.is_forgotten(there):
            decided = await self._recovery.settle(there)
            if decided is not None and decided.request_hash != key.request_hash:
                raise IdempotencyKeyReusedError(key.key)
            if decided is not None and decided.state == DONE:
                return decided.answer(replayed=True)
            if time.monotonic() > until:
                raise LogUnavailableError("the commit with this key is not over")
            await asyncio.sleep(PAUSE_SECONDS)
        return None

    def owner(self, claim_key: str) -> int | None:
        """Return who holds a name: by what is committed, whether or not it is settled."""
        try:
            return self._owner(claim_key)
        except StoreUnavailableError as error:
            raise LogUnavailableError(str(error)) from error

    def _owner(self, claim_key: str) -> int | None:
        row = self._claims.read(claim_key)
        while row is not None and row.intent is not None:
            if row.kind == FREE:
                return None
            holder = self._intents.read(row.intent[RUN_BYTES:])
            is_committed = holder is not None and holder.ref == row.intent and holder.state in {COMMITTED, DONE}
            if holder is not None or row == (row := self._claims.read(claim_key)):
                return row.owner if is_committed == (row.kind == TAKE) else None
        return None if row is None else row.owner
