"""Brings projections up to given positions of the log, in big spans, each record read and decoded once for all.

Consumes:   the topics of the projections given, by plain reads, one topic after the other
Writes:     their stores; nothing else: no dead letters, no effects outside
Guarantee:  a store goes on at its checkpoint, whatever ended the attempt before; it never passes its goal. A record
            that cannot be applied is passed by, alone, as the stream workers do; how many were, is told
Rebuild:    this is it
"""

from __future__ import annotations

import time
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from infra.log.port import Span, TopicPartition
from infra.projections import RejectedWriteError
from schemas import codec
from streams.replay.decoding import cheapest, decoded, prefixes_of
from streams.replay.hearing import hear

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from infra.log.port import Batch, LogReader
    from infra.projections import ProjectionStore
    from schemas.envelope import Event
    from streams.replay.decoding import Decoded
    from streams.replay.hearing import Hearing

SPAN_RECORDS = 10_000


class Passed(NamedTuple):
    """A record that could not be applied, and why."""

    topic: str
    partition: int
    offset: int
    reason: str


class Build:
    """A projection that is being built: its store, and the goal, by partition, up to which (exclusive) it is to go."""

    def __init__(
        self,
        name: str,
        project: Callable[[Sequence[Any]], Sequence[Any]],
        store: ProjectionStore,
        goal: Mapping[TopicPartition, int],
        passes_over: Collection[type[Event]] = (),
        *,
        hearing: Hearing | None = None,
        placing: bool = False,
    ) -> None:
        self.name = name
        self.hearing = hearing
        self.goal = goal
        self.passes_over = prefixes_of(passes_over)
        self._idle = frozenset(passes_over)
        self.passed: list[Passed] = []
        self._project = project
        self._placing = placing
        self._store = store
        self.done = dict(store.checkpoints())

    def waiting(self, place: TopicPartition) -> int | None:
        """Return the next offset of a partition that is to be read for it, None where there is none."""
        at = self.done.get(place, 0)
        return at if at < self.goal.get(place, 0) else None

    def progress(self, place: TopicPartition) -> float:
        """Return which part of a partition's records it has passed, up to its goal."""
        return self.done.get(place, 0) / max(1, self.goal[place])

    def left(self) -> int:
        """Return how many records are still to be read."""
        return sum(max(0, end - self.done.get(place, 0)) for place, end in self.goal.items())

    def take(self, batch: Batch, found: Decoded, read: Sequence[Event]) -> None:
        """Apply a batch that begins at the checkpoint and does not pass the goal; `read` is what could be decoded."""
        span = Span(batch.topic, batch.partition, batch.base_offset, batch.next_offset)
        self.passed += [Passed(*span[:2], span.start + at, reason) for at, reason in found.errors.items()]
        try:
            told = found.events if self._placing else [event for event in read if type(event) not in self._idle]
            self._store.apply(self._project(told) if read and told else (), span)
        except RejectedWriteError:
            self._apply_apart(span, found.events)
        self.done[TopicPartition(batch.topic, batch.partition)] = batch.next_offset

    def _apply_apart(self, span: Span, events: Sequence[Event | None]) -> None:
        """Apply in halves, down to the record that cannot be applied."""
        try:
            read = [event for event in events if event is not None]
            self._store.apply(self._project(events if self._placing else read) if read else (), span)
        except RejectedWriteError as error:
            if len(events) > 1:
                half = len(events) // 2
                self._apply_apart(span._replace(end=span.start + half), events[:half])
                self._apply_apart(span._replace(start=span.start + half), events[half:])
                return
            self.passed.append(Passed(span.topic, span.partition, span.start, str(error)))
            self._store.apply((), span)


class Throttle:
    """Lets at most so many records a second pass; 0: as many as there are."""

    def __init__(
        self, rate: float, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._rate = rate
        self._clock = clock
        self._sleep = sleep
        self._free_at = clock()

    def passed(self, records: int) -> None:
        """Wait until these have had their time."""
        if not self._rate:
            return
        self._free_at = max(self._free_at, self._clock() - 1.0) + records / self._rate
        if (wait := self._free_at - self._clock()) > 0:
            self._sleep(wait)


def build(
    log: LogReader,
    builds: Sequence[Build],
    throttle: Throttle,
    tell: Callable[[int], None] = lambda _: None,
    span_records: int = SPAN_RECORDS,
) -> None:
    """Bring each to its goal; `tell` hears how many records were read, after each span.

    The partitions of a topic go on side by side, as far as one another: what was said at one time is written at one
    time, where ids, which are in the order of time, stand beside each other.
    """
    places = {place for it in builds for place in it.goal}
    for _, of_topic in groupby(sorted(places, key=cheapest), key=lambda place: place.topic):
        progress = dict.fromkeys(of_topic, 0.0)
        while progress:
            place = min(progress, key=progress.__getitem__)
            records = _build_span(log, [it for it in builds if place in it.goal], place, span_records)
            if not records:
                del progress[place]
                continue
            progress[place] = min(it.progress(place) for it in builds if place in it.goal)
            tell(records)
            throttle.passed(records)


def _build_span(log: LogReader, readers: Sequence[Build], place: TopicPartition, span_records: int) -> int:
    """Read on where those of the readers are that are the farthest behind; return how many records there were."""
    starts = [at for it in readers if (at := it.waiting(place)) is not None]
    if not starts:
        return 0
    start = min(starts)
    behind = [it for it in readers if it.waiting(place) == start]
    end = min([*(it.goal[place] for it in behind), *(at for at in starts if at > start)])
    batch = log.read(*place, start, min(span_records, end - start))
    if batch is None:
        raise RuntimeError(f"{place.topic}/{place.partition}: the log ends at {start}, the goal is {end}")
    unread = frozenset.intersection(*(it.passes_over for it in behind))
    codec.expect(batch.topic, batch.keys)
    found = decoded(batch.values, unread)
    hear([it.hearing for it in behind if it.hearing is not None], batch, found.events)
    read = found.read()
    for it in behind:
        it.take(batch, found, read)
    return len(batch.values)
