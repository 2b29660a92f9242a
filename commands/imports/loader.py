"""Appends a plan to the log, some thousand events at a time, from wherever an earlier run got to."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Protocol

from commands.imports.ledger import Chunk
from commands.imports.rules import check, claims_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from threading import Event as StopFlag

    from commands.imports.ledger import Ledger
    from commands.imports.plan import Step
    from schemas.envelope import Event

EVENTS_PER_APPEND = 4_000  # holds the embedded log's write lock for some 50 ms, and makes the fsync cost 1 µs an event


class Plan(Protocol):
    """The steps of one file."""

    total_steps: int

    @property
    def refused(self) -> Mapping[str, int]:
        """Return how many rows the commands would refuse, by the code of the refusal; they have no steps."""

    def steps(self) -> Iterator[Step]:
        """Yield the steps, the same ones every time."""


class Advance(NamedTuple):
    """How far the import has come: steps on the log, and events that this run has appended."""

    steps: int
    events: int


class Import(NamedTuple):
    """A plan on its way to the log, of which the first `done` steps are there."""

    ledger: Ledger
    plan: Plan
    done: int

    def run(self, stop: StopFlag, tell: Callable[[Advance], None]) -> Advance:
        """Append the rest, until the end or `stop`; what is told is durable.

        Raises ImportConflictError, and what the rules of the commands refuse; then the chunk in hand is not appended.
        """
        steps, taken, events = islice(self.plan.steps(), self.done, None), self.done, 0
        while not stop.is_set() and (chunk := _next_chunk(steps, taken)):
            taken, events = chunk.after, events + len(chunk.events)
            done = self.ledger.append(chunk)
            tell(Advance(done, events))
        return Advance(self.ledger.settle(), events)


def _next_chunk(steps: Iterator[Step], before: int) -> Chunk | None:
    """Return whole steps of EVENTS_PER_APPEND events together, or one or two more; None at the end."""
    events: list[Event] = []
    after = before
    for step in steps:
        events += step
        after += 1
        if len(events) >= EVENTS_PER_APPEND:
            break
    if after == before:
        return None
    for event in events:
        check(event)
    return Chunk(before, after, events, [claim for event in events for claim in claims_of(event)])
