"""Lets recounts hear what is read: while something is built of it, so that each record is decoded once, or by itself.

Guarantee:  each partition is heard from its first record on, in order and without a hole: what would be one, raises
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from infra.log.port import TopicPartition
from schemas import codec
from streams.replay.decoding import cheapest, decoded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from infra.log.port import Batch, LogReader
    from schemas.envelope import Event
    from streams.replay.recount.port import Recount

READ_RECORDS = 5_000


class Hearing:
    """One recount, and how far it has heard each partition."""

    def __init__(self, recount: Recount) -> None:
        self.recount = recount
        self.heard: dict[TopicPartition, int] = {}

    def goes_on_at(self, place: TopicPartition, offset: int) -> None:
        """Raise where what comes next leaves a hole, or comes again."""
        if (heard := self.heard.get(place, 0)) != offset:
            raise RuntimeError(f"{place.topic}/{place.partition}: a recount has heard up to {heard}, not {offset}")


def hear(hearings: Sequence[Hearing], batch: Batch, events: Sequence[Event | None]) -> None:
    """Tell each what the records of a batch say to it."""
    if not hearings:
        return
    place = TopicPartition(batch.topic, batch.partition)
    takes: defaultdict[type, list[Callable[[TopicPartition, int, Event], None]]] = defaultdict(list)
    for hearing in hearings:
        hearing.goes_on_at(place, batch.base_offset)
        hearing.heard[place] = batch.next_offset
        for kind in hearing.recount.READS:
            takes[kind].append(hearing.recount.take)
    known = dict(takes)
    for offset, event in enumerate(events, batch.base_offset):
        if event is not None:
            for take in known.get(type(event), ()):
                take(place, offset, event)


def hear_alone(hearings: Mapping[Hearing, Mapping[TopicPartition, int]], log: LogReader) -> None:
    """Read the log for recounts that nothing is built beside: each up to its own positions."""
    for place in sorted({it for upto in hearings.values() for it in upto}, key=cheapest):
        ends = {it: upto.get(place, 0) for it, upto in hearings.items()}
        while waiting := [it for it, end in ends.items() if it.heard.get(place, 0) < end]:
            start = min(it.heard.get(place, 0) for it in waiting)
            behind = [it for it in waiting if it.heard.get(place, 0) == start]
            batch = log.read(*place, start, min(READ_RECORDS, *(ends[it] - start for it in behind)))
            if batch is None:
                raise RuntimeError(f"{place.topic}/{place.partition}: the log ends at {start}")
            codec.expect(batch.topic, batch.keys)
            hear(behind, batch, decoded(batch.values, frozenset()).events)
