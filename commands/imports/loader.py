"""Appends a plan to the log, some thousand events at a time, from wherever an earlier run got to."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Protocol

from commands.imports.ledger import ChunkGuard, Source
from commands.imports.rules import check, claims_of
from infra.journal.embedded import record_of
from infra.log.group_commit import AppendRefusedError
from schemas.envelope import Envelope
from schemas.operations.events import ImportAdvanced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import Event as StopFlag

    from commands.imports.plan import Step
    from infra.log.group_commit import GroupCommitLog
    from schemas.envelope import Event

EVENTS_PER_APPEND = 4_000  # holds the write lock for some 50 ms, and makes the fsync cost 1 µs an event


class Plan(Protocol):
    """The steps of one file."""

    total_steps: int

    def steps(self) -> Iterator[Step]:
        """Yield the steps, the same ones every time."""


class Advance(NamedTuple):
    """How far the import has come: steps on the log, and events that this run has appended."""

    steps: int
    events: int


class Import(NamedTuple):
    """A plan on its way to the log, of which the first `done` steps are there."""

    log: GroupCommitLog
    source: Source
    plan: Plan
    done: int

    def run(self, stop: StopFlag, tell: Callable[[Advance], None]) -> Advance:
        """Append the rest, until the end or `stop`; what is told is durable.

        Raises ImportConflictError, and what the rules of the commands refuse; then the chunk in hand is not appended.
        """
        steps, advance = islice(self.plan.steps(), self.done, None), Advance(self.done, 0)
        while not stop.is_set() and (chunk := _next_chunk(steps)):
            after = advance.steps + len(chunk)
            events = [event for step in chunk for event in step]
            _append(self.log, self.source, advance.steps, after, events)
            advance = Advance(after, advance.events + len(events))
            tell(advance)
        return advance


def _next_chunk(steps: Iterator[Step]) -> list[Step]:
    """Return steps of EVENTS_PER_APPEND events together, or one or two more; none at the end."""
    chunk: list[Step] = []
    events = 0
    for step in steps:
        chunk.append(step)
        events += len(step)
        if events >= EVENTS_PER_APPEND:
            break
    return chunk


def _append(log: GroupCommitLog, source: Source, before: int, after: int, events: list[Event]) -> None:
    for event in events:
        check(event)
    last = events[-1].envelope
    advanced = ImportAdvanced(
        Envelope(last.event_id, last.occurred_at_ms, 0), source_key=source.key, source=source.name, steps=after
    )
    claims = [claim for event in events for claim in claims_of(event)]
    try:
        log.append_blocking(
            [record_of(event) for event in (*events, advanced)], ChunkGuard(source, before, after, claims)
        )
    except AppendRefusedError as refused:
        if isinstance(refused.reason, Exception):
            raise refused.reason from None
        raise
