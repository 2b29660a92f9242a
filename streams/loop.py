"""Applies record batches to one generation of a projection: what every agent runs.

Consumes:   batches of one projection's topics, in the order of each partition
Writes:     the projection's store, one atomic step per batch; dead letters for what cannot be applied
Guarantee:  a batch is acknowledged (handle returns) only when all of it is applied or in the dead letters; the store's
            checkpoint decides what is new, so a batch that comes twice is applied once
Rebuild:    give it a store without checkpoints

A store that is busy or full is tried again, the same batch, for as long as it takes. A record that the store rejects
is found by halving the batch. Any other error ends the process on the spot, without an acknowledgement: an exception
that left the agent would count as one.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from infra.log.port import LogUnavailableError, Position, Span, TopicPartition
from infra.projections import RejectedWriteError, StoreUnavailableError, WrongSpanError, placed
from schemas.codec import DecodeError
from schemas.sealing import SealsAwayError
from streams.backoff import Backoff
from streams.dead_letters import DeadLetter
from streams.errors import GapError, PoisonEventError, TransientError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from typing import Protocol

    from infra.log.port import Batch
    from infra.projections import ProjectionStore
    from schemas.envelope import Event
    from streams.decoded import DecodedBatches
    from streams.metrics import StreamMetrics

    class DeadLetterSink(Protocol):
        """Where poison goes (see streams.dead_letters)."""

        async def append(self, projection: str, letters: Sequence[DeadLetter]) -> None:
            """Make all letters durable or raise LogUnavailableError."""


logger = logging.getLogger(__name__)

EXIT_CODE = 70  # EX_SOFTWARE of sysexits.h: a supervisor starts the process again


class Lag(NamedTuple):
    """How far a projection is behind: records not applied yet, and the age of the last event applied if there are."""

    events: int
    seconds: float


def label(projection: str, generation: int) -> str:
    """Return what a generation of a projection is called in lines for people."""
    return projection if generation == 1 else f"{projection} (generation {generation})"


def end_process(code: int) -> None:
    """End the process without running anything more of it, so that nothing can acknowledge the batch in hand."""
    logging.shutdown()
    os._exit(code)


class ProjectionLoop:
    """The one writer of a projection's store, fed by one agent; `placing`: the store takes Placed writes."""

    def __init__(
        self,
        name: str,
        project: Callable[[Sequence[Event]], Sequence[Any]],
        store: ProjectionStore,
        dead_letters: DeadLetterSink,
        decoded: DecodedBatches,
        metrics: StreamMetrics,
        *,
        generation: int = 1,
        placing: bool = False,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        end_process: Callable[[int], None] = end_process,
    ) -> None:
        self.name = name
        self.generation = generation
        self.active = True
        """Whether readers follow this generation: what works outside of stores (push, mail) is for it alone."""
        self.metrics = metrics.of(name, generation)
        self.last_event_at_ms: dict[TopicPartition, int] = {}
        self._project = placed(project) if placing else _dense(project)
        self._store = store
        self._dead_letters = dead_letters
        self._decoded = decoded
        self._sleep = sleep
        self._end_process = end_process
        self._next: dict[TopicPartition, int] | None = None
        self._started_at = time.time()

    @property
    def label(self) -> str:
        """What it is called in lines for people: generations after the first by their number."""
        return label(self.name, self.generation)

    def checkpoints(self) -> Mapping[TopicPartition, int]:
        """Read again from the store which record of each partition is the next to apply (absent: 0)."""
        self._next = dict(self._store.checkpoints())
        return self._next

    def lag(self, ends: Mapping[TopicPartition, int]) -> Lag:
        """Return how far the projection is behind these end offsets."""
        done = self._next if self._next is not None else self.checkpoints()
        waiting = {partition: end - done.get(partition, 0) for partition, end in ends.items()}
        behind = [partition for partition, records in waiting.items() if records > 0]
        oldest = min((self.last_event_at_ms.get(it, self._started_at * 1000) for it in behind), default=None)
        return Lag(sum(waiting[it] for it in behind), max(0.0, time.time() - oldest / 1000) if oldest else 0.0)

    async def handle(self, batch: Batch) -> None:
        """Apply the batch; returns when it is safe to acknowledge it, and not at all where that cannot be."""
        try:
            await self._handle(batch)
        except Exception:
            logger.critical(
                "%s: cannot go on at %s[%d] offsets %d to %d",
                self.label, batch.topic, batch.partition, batch.base_offset, batch.next_offset, exc_info=True,
            )  # fmt: skip
            self._end_process(EXIT_CODE)
            raise

    async def _handle(self, batch: Batch) -> None:
        span = self._to_apply(batch)
        if span.start == span.end:
            return
        decoded: list[Event | DecodeError] = []
        await self._until_taken(lambda: self._decode(batch, span, decoded))
        await self._bury_undecodable(batch, span, decoded)
        events = [None if isinstance(event, DecodeError) else event for event in decoded]
        await self._apply(batch, span, events)
        self.metrics.records.inc(span.end - span.start)
        self.metrics.batches.inc()

    async def _decode(self, batch: Batch, span: Span, decoded: list[Event | DecodeError]) -> None:
        decoded += self._decoded.events(batch)[span.start - batch.base_offset :]

    def _to_apply(self, batch: Batch) -> Span:
        """Return the records of the batch that are new to the store."""
        done = (self._next if self._next is not None else self.checkpoints()).get(
            TopicPartition(batch.topic, batch.partition), 0
        )
        if batch.base_offset > done:
            raise GapError(
                f"{batch.topic}[{batch.partition}]: applied up to {done}, the batch begins at {batch.base_offset}"
            )
        return Span(batch.topic, batch.partition, min(done, batch.next_offset), batch.next_offset)

    async def _apply(self, batch: Batch, span: Span, events: Sequence[Event | None]) -> None:
        """Apply `events`, one for each record of the span, in one step, or in halves down to the poisonous record."""
        try:
            await self._until_taken(lambda: self._write(events, span))
        except PoisonEventError as poison:
            if len(events) > 1:
                half = len(events) // 2
                await self._apply(batch, span._replace(end=span.start + half), events[:half])
                await self._apply(batch, span._replace(start=span.start + half), events[half:])
                return
            await self._bury(batch, {span.start: str(poison)})
            await self._until_taken(lambda: self._write([], span))
        except WrongSpanError:
            done = self.checkpoints().get(TopicPartition(span.topic, span.partition), 0)
            if done <= span.start:
                raise
            # A worker that was driven out of the partition (Kafka) has applied what it had in hand after all.
            rest = span._replace(start=min(done, span.end))
            if rest.start < rest.end:
                await self._apply(batch, rest, events[rest.start - span.start :])
            return
        self._passed(span, events)

    async def _write(self, events: Sequence[Event | None], span: Span) -> None:
        try:
            self._store.apply(self._project(events), span)
        except RejectedWriteError as error:
            raise PoisonEventError(f"{type(error).__name__}: {error}") from error

    def _passed(self, span: Span, events: Sequence[Event | None]) -> None:
        partition = TopicPartition(span.topic, span.partition)
        self._next = {**(self._next or {}), partition: span.end}
        last = next((event for event in reversed(events) if event is not None), None)
        if last is not None:
            self.last_event_at_ms[partition] = last.envelope.occurred_at_ms

    async def _bury_undecodable(self, batch: Batch, span: Span, decoded: Sequence[Event | DecodeError]) -> None:
        reasons = {span.start + at: str(event) for at, event in enumerate(decoded) if isinstance(event, DecodeError)}
        if reasons:
            await self._bury(batch, reasons)

    async def _bury(self, batch: Batch, reasons: Mapping[int, str]) -> None:
        """Make dead letters of these offsets, durable before any checkpoint passes them."""
        letters = [
            DeadLetter(Position(batch.topic, batch.partition, offset), reason, batch.values[offset - batch.base_offset])
            for offset, reason in reasons.items()
        ]
        await self._until_taken(lambda: self._dead_letters.append(self.name, letters))
        self.metrics.dead_letters.inc(len(letters))
        for letter in letters:
            logger.error("%s: dead letter for %s: %s", self.name, letter.position, letter.reason)

    async def _until_taken(self, attempt: Callable[[], Awaitable[None]]) -> None:
        """Try until it is not turned down for a reason that may pass."""
        delays = Backoff()
        while True:
            try:
                await attempt()
            except (StoreUnavailableError, LogUnavailableError, SealsAwayError, TransientError) as error:
                self.metrics.retries.inc()
                delay = delays.next()
                logger.warning("%s: turned down, next attempt in %.2f s: %s", self.label, delay, error)
                await self._sleep(delay)
            else:
                return


def _dense(project: Callable[[Sequence[Event]], Sequence[Any]]) -> Callable[[Sequence[Event | None]], Sequence[Any]]:
    def all_at_once(events: Sequence[Event | None]) -> Sequence[Any]:
        found = [event for event in events if event is not None]
        return project(found) if found else ()

    return all_at_once
