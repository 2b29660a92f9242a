"""Finishes what another process began and did not end: rolls intents forward or back, so that no name stays held.

An open intent can be undone at any time: whoever began it finds that it cannot be committed any more. A committed one
may be at its append just now; it is taken over once nothing of that append can still be under way, by moving `at_ms`,
so that one process at a time appends. What is on the log already is found there and not appended again.

Guarantee:  repeatable, by any number of processes at once, killed anywhere
Assumes:    clocks agree within SKEW_SECONDS, and no process stands still for longer than that between looking at the
            time and handing records to Kafka's client
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from infra.journal.intents import ABORTED, COMMITTED, DONE, OPEN, RUN_BYTES, Name
from infra.log.kafka import DELIVERY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.journal.claim_table import ClaimTable, Held
    from infra.journal.facts_log import FactsLog
    from infra.journal.intents import Intent, Intents
    from infra.journal.under_way import UnderWay
    from infra.log.port import Position

SKEW_SECONDS = 4.0  # twice what infra.workers lets a clock differ from the servers'


class Patience(NamedTuple):
    """How long, in seconds, others are waited for."""

    undecided: float = 3.0  # an open intent is undone then: it takes some 10 ms from its beginning to its commit
    append: float = 2.0  # a process that has not begun to append by then asks first whether the intent is still its own
    delivery: float = DELIVERY_SECONDS
    wait: float = 6.0  # a commit that finds a name held asks for so long

    @property
    def unfinished(self) -> float:
        """Return when a committed intent is taken over: nothing of its append is under way any more."""
        return self.append + self.delivery + SKEW_SECONDS


PATIENCE = Patience()


class Recovery:
    """Finishes intents and frees names."""

    def __init__(
        self,
        log: FactsLog,
        intents: Intents,
        claims: ClaimTable,
        under_way: UnderWay,
        now_ms: Callable[[], int],
        patience: Patience,
    ) -> None:
        self._log = log
        self._intents = intents
        self._claims = claims
        self._under_way = under_way
        self._now_ms = now_ms
        self._patience = patience

    async def unhold(self, row: Held) -> Intent | None:
        """Return the intent that holds a name, once it is decided; None where it holds it no more, or will not long."""
        assert row.intent is not None  # noqa: S101 - the caller has looked
        if len(row.intent) == RUN_BYTES:  # held without an intent, to be free for an append
            if self._is_older(row.at_ms or 0, self._patience.unfinished):
                self._claims.give_back([_name(row)], row.intent)
            return None
        holder = self._intents.read(row.intent[RUN_BYTES:])
        if holder is None or holder.ref != row.intent:
            self._claims.give_back([_name(row)], row.intent)
            return None
        return await self.settle(holder)

    async def settle(self, intent: Intent) -> Intent | None:
        """Move an intent on if it has been left; return it where it is decided."""
        if intent.state in {OPEN, ABORTED}:
            if self._is_older(intent.at_ms, self._patience.undecided):
                self.roll_back(intent)
            return None
        if intent.state == COMMITTED and self._is_older(intent.at_ms, self._patience.unfinished):
            await self.roll_forward(intent)
        return intent

    def roll_back(self, intent: Intent) -> bool:
        """Undo an intent that is not committed: its names are given back, and it is gone. False: it is committed."""
        if intent.state == OPEN and self._intents.move(intent, ABORTED, intent.at_ms) is None:
            there = self._intents.read(intent.id)
            if there is not None and there.run == intent.run and there.state != ABORTED:
                return False
        self._claims.give_back(intent.names, intent.ref)
        self._intents.forget(intent)
        return True

    async def roll_forward(self, intent: Intent) -> None:
        """Finish a committed intent whose own process has left it; raises LogUnavailableError."""
        taken = self._intents.move(intent, COMMITTED, self._now_ms())
        if taken is None:
            return  # another process was first
        since_ms = intent.begun_ms - int(1000 * SKEW_SECONDS)
        found = await self._log.find(intent.records, since_ms)
        missing = [record for record, position in zip(intent.records, found, strict=True) if position is None]
        appended = iter(await self._log.append(missing))
        positions: list[Position] = [position or next(appended) for position in found]
        self._claims.settle(intent.names, intent.ref)
        self._intents.finish(taken, positions)

    async def sweep(self) -> None:
        """Finish all that processes have left."""
        seconds = max(self._patience.undecided, self._patience.unfinished)
        for noted in self._under_way.older_than(self._now_ms() - int(1000 * seconds)):
            intent = self._intents.read(noted.intent)
            if intent is not None:
                await self.settle(intent)
                intent = self._intents.read(noted.intent)
            if intent is None or intent.state == DONE:  # else another process is at it: the next sweep looks again
                self._under_way.drop(noted)

    def _is_older(self, at_ms: int, seconds: float) -> bool:
        return self._now_ms() - at_ms > 1000 * seconds


def _name(row: Held) -> Name:
    return Name(row.kind or "", row.key, row.owner)
