"""The journal on Kafka and CQL: names and answers by compare-and-set, events appended once that is decided.

There is no transaction over both, so a commit with names or an Idempotency-Key is an intent first (see
infra.journal.intents):

  1. write the intent          4. append the events
  2. hold its names            5. settle the names
  3. commit it                 6. note that it is done, with the positions; answer

Before 3 nothing was done and everything can be undone; from 3 on it will be done, by this process or another
(infra.journal.recovery). An Idempotency-Key alone begins at 3, an event that only needs names to be free holds them
without an intent, and what needs neither is one append.

Guarantee:  a commit that is answered is on the log, its names and its answer stand; a name has one owner; one key has
            one answer; events that were kept apart by a name stand on the log in the order in which they had it
Failure:    LogUnavailableError: it may be done, now or later, and the same Idempotency-Key tells
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
import time
from typing import TYPE_CHECKING, Any

from infra.bridge import bridged
from infra.clock import SystemClock
from infra.journal.claim_table import ClaimTable, refusal_of
from infra.journal.embedded import record_of
from infra.journal.intents import (
    COMMITTED,
    DONE,
    FREE,
    RUN_BYTES,
    TAKE,
    Intents,
    id_of,
    intent_of,
    names_of,
)
from infra.journal.known import PAUSE_SECONDS, Known
from infra.journal.port import ANSWERS_KEPT_MS, Answer, IdempotencyKeyReusedError
from infra.journal.recovery import PATIENCE, Recovery
from infra.journal.turns import Turns
from infra.journal.under_way import UnderWay
from infra.log.port import LogUnavailableError
from infra.projections import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Sequence

    from infra.clock import Clock
    from infra.cql.session import CqlSession
    from infra.journal.claim_table import Conflict
    from infra.journal.facts_log import FactsLog
    from infra.journal.intents import Intent, Name
    from infra.journal.port import Commit, IdempotencyKey
    from infra.journal.recovery import Patience
    from infra.log.port import Position, Record
    from schemas.sealing import Seals

logger = logging.getLogger(__name__)


class ClusterJournal:
    """One a process. `session` is that of the keyspace of compare-and-set; both are closed with the journal."""

    def __init__(
        self,
        log: FactsLog,
        session: CqlSession,
        clock: Clock | None = None,
        patience: Patience = PATIENCE,
        *,
        seals: Seals | None = None,
    ) -> None:
        self._log = log
        self._seals = seals
        self._session = session
        self._now_ms = (clock or SystemClock()).now_ms
        self._patience = patience
        self._intents = Intents(session, seals)
        self._claims = ClaimTable(session)
        self._under_way = UnderWay(session)
        self._recovery = Recovery(log, self._intents, self._claims, self._under_way, self._now_ms, patience)
        self._turns = Turns()
        self._known = Known(self._intents, self._claims, self._recovery, patience.wait)
        self._tasks: set[asyncio.Task[Any]] = set()

    async def commit(self, commit: Commit) -> Answer:
        """Write the commit; return when it is durable, or return the answer that its key was given before."""
        records = tuple(record_of(event, self._seals) for event in commit.events)
        names = names_of(commit)
        if not names and commit.idempotency is None:
            return await self._plain(commit, records)
        self._log.check(records)
        answer: Answer = await self._whole(self._in_turn(commit, records, names))
        return answer

    async def _plain(self, commit: Commit, records: Sequence[Record]) -> Answer:
        if not records:  # somebody asks whether commits are taken
            await self._log.probe()
            await self._whole(self._answers())
            return Answer(commit.status, commit.body, ())
        return Answer(commit.status, commit.body, tuple(await self._log.append(records)))

    async def _answers(self) -> None:
        self._claims.read("readiness")

    async def _in_turn(self, commit: Commit, records: tuple[Record, ...], names: tuple[Name, ...]) -> Answer:
        turns = [name.key for name in names]
        if commit.idempotency:
            turns.append(id_of(commit.idempotency).hex())
        until = time.monotonic() + self._patience.wait
        async with self._turns.taken(turns):
            while (answer := await self._attempt(intent_of(commit, records, names, self._now_ms()))) is None:
                if time.monotonic() > until:
                    raise LogUnavailableError("a name or the key is held by another commit, or the store is too slow")
                await asyncio.sleep(PAUSE_SECONDS * (1 + random.random()))  # noqa: S311 - two should not meet again
            return answer

    async def _attempt(self, intent: Intent) -> Answer | None:
        """Return the answer; None where something undecided stood in the way, and nothing was done."""
        if not intent.names:
            return await self._answer_once(intent)
        if not intent.keyed and len(intent.records) == 1 and all(name.kind == FREE for name in intent.names):
            return await self._while_free(intent)
        return await self._claim(intent)

    async def _answer_once(self, intent: Intent) -> Answer | None:
        decided = intent._replace(state=COMMITTED if intent.records else DONE)
        if not self._intents.begin(decided):
            return await self._before(intent)
        return await self._complete(decided) if intent.records else decided.answer(replayed=False)

    async def _while_free(self, intent: Intent) -> Answer | None:
        """Append one event while nobody can take the names. A process that dies here leaves them until it is late."""
        ref = secrets.token_bytes(RUN_BYTES)
        try:
            conflicts = self._claims.hold(intent.names, ref, intent.at_ms)
        except StoreUnavailableError:
            self._claims.give_back(intent.names, ref)
            return None
        if conflicts or self._is_late(intent):
            self._claims.give_back(intent.names, ref)
            await self._judge(conflicts)
            return None
        positions = await self._log.append(intent.records)  # where it fails they stay held: it may yet get there
        with _settled_later():
            self._claims.give_back(intent.names, ref)
        return intent._replace(positions=tuple(positions)).answer(replayed=False)

    async def _claim(self, intent: Intent) -> Answer | None:
        try:
            self._refuse_early(intent)
            slot = self._under_way.note(intent)
            begun = self._intents.begin(intent)
            conflicts = self._claims.hold(intent.names, intent.ref, intent.at_ms) if begun else []
        except StoreUnavailableError:
            self._undo(intent)
            return None
        if not begun:
            self._under_way.done(slot)
            return await self._before(intent)
        committed = None if conflicts else self._intents.move(intent, COMMITTED, self._now_ms())
        if committed is None:
            self._recovery.roll_back(intent)
            self._under_way.done(slot)
            await self._judge(conflicts)
            return None
        answer = await self._complete(committed)
        self._under_way.done(slot)  # not where it fails: the slot stays for the sweep
        return answer

    def _refuse_early(self, intent: Intent) -> None:
        """Spare what is plainly refused the writing; with a key, an earlier answer would go before the refusal."""
        for name in () if intent.keyed else intent.names:
            row = self._claims.read(name.key)
            settled = row is None or row.intent is None
            if settled and (refusal := refusal_of(name, row)):
                raise refusal

    def _undo(self, intent: Intent) -> None:
        """Undo an attempt that the store did not take to its commit; what it does not take now, recovery undoes."""
        with contextlib.suppress(StoreUnavailableError):
            self._recovery.roll_back(intent)

    async def _judge(self, conflicts: Sequence[Conflict]) -> None:
        """Raise what the first decided conflict means; the others may pass."""
        for name, row in conflicts:
            if row is not None and row.intent is not None:
                holder = await self._recovery.unhold(row)
                if holder is None or row.kind != TAKE:
                    continue
            if refusal := refusal_of(name, row):
                raise refusal

    async def _before(self, intent: Intent) -> Answer | None:
        """Return the answer that the key was given before; None where there is none yet, or no more."""
        there = self._intents.read(intent.id)
        if there is None:
            return None
        if self._known.is_forgotten(there):
            self._intents.forget(there)
            return None
        decided = await self._recovery.settle(there)
        if decided is None:
            return None
        if decided.request_hash != intent.request_hash:
            raise IdempotencyKeyReusedError(intent.id.hex())
        return decided.answer(replayed=True) if decided.state == DONE else None

    async def _complete(self, intent: Intent) -> Answer:
        """Append and settle what is committed."""
        if self._is_late(intent):
            renewed = self._intents.move(intent, COMMITTED, self._now_ms())
            if renewed is None:
                raise LogUnavailableError("it took too long: another process finishes this commit")
            intent = renewed
        try:
            positions = await self._log.append(intent.records)
        except LogUnavailableError:
            self._give_up(intent)
            raise
        answer = intent._replace(positions=tuple(positions)).answer(replayed=False)
        with _settled_later():
            self._claims.settle(intent.names, intent.ref)
            self._intents.finish(intent, positions)
        return answer

    def _give_up(self, intent: Intent) -> None:
        """Let others finish it at once: nothing of the append is under way any more."""
        try:
            self._intents.move(intent, COMMITTED, 0)
        except StoreUnavailableError as error:
            logger.warning("a commit that Kafka did not take is left to recovery: %s", error)

    def answered(self, key: IdempotencyKey) -> Answer | None:
        """Return the answer given before; raises IdempotencyKeyReusedError. Bridged, one under way is waited for."""
        return self._known.answered(key)

    def owner(self, claim_key: str) -> int | None:
        """Return who holds a name: by what is committed, whether or not it is settled."""
        return self._known.owner(claim_key)

    def ends(self, topic: str, key: int | None) -> list[Position]:
        """Return the last position of the partition of `key` (None: of every partition) that has any record."""
        return self._log.ends(topic, key)

    async def prune(self, now_ms: int) -> None:
        """Forget answers older than ANSWERS_KEPT_MS, which the store does by itself; finish what others left."""
        self._known.forget_before(now_ms - ANSWERS_KEPT_MS)
        await self._whole(self._recovery.sweep())

    async def forget(self, subject: int, name: str) -> None:
        """Do nothing: answers go by themselves, after ANSWERS_KEPT_MS."""

    async def cut(self, retention_days: int, now_ms: int) -> None:
        """Do nothing: `murmur archive run` cuts topics, or their own retention does (`kafka_topics.ensure`)."""

    async def _whole(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run it to its end also where the request is cancelled, waits of synchronous code below included."""
        task = asyncio.create_task(_bridged(work))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        try:
            return await asyncio.shield(task)
        except StoreUnavailableError as error:
            raise LogUnavailableError(str(error)) from error

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # told to whoever waits; where nobody does, the intent tells

    def _is_late(self, intent: Intent) -> bool:
        return self._now_ms() - intent.at_ms > 1000 * self._patience.append

    def close(self) -> None:
        """Finish what was handed in, then leave Kafka and the store."""
        self._log.close()
        self._session.close()


@contextlib.contextmanager
def _settled_later() -> Iterator[None]:
    """Let a commit that is decided and on the log be answered all the same: recovery finds it there."""
    try:
        yield
    except StoreUnavailableError as error:
        logger.warning("a commit is on the log, its names are settled later: %s", error)


async def _bridged(work: Coroutine[Any, Any, Any]) -> Any:
    return await bridged(work)
