"""Decides who builds what: groups of projections, a process each, about as long as one another.

Within a group each record is read and decoded once, so groups are few: one a core.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from schemas.catalogue import ACCOUNTS, TWEETS
from streams.replay.decoding import decoded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from infra.log.port import LogReader, TopicPartition
    from streams.parts import Projection
    from streams.replay.kinds import Kind

DECODE_US = 6.0
"""CPU time to read and decode a record, in microseconds; weights of kinds are measured beside it."""
GUESSED_BYTES = 300  # a record's in a file, where there is none yet to go by
MEASURED_RECORDS = 5_000


class Estimate(NamedTuple):
    """What building one projection would read and take: seconds until it is verified, bytes of disk."""

    projection: str
    records: int
    seconds: float
    bytes: int


def shared_out(
    projections: Sequence[Projection], kinds: Mapping[str, Kind], ends: Mapping[TopicPartition, int], processes: int
) -> list[list[Projection]]:
    """Return the groups: the longest task first into the one that is done soonest, then moved while that helps."""
    groups: list[list[Projection]] = [[] for _ in range(max(1, min(processes, len(projections))))]

    def longest() -> float:
        return max(_together(group, kinds, ends) for group in groups)

    for projection in sorted(projections, key=lambda it: -_own(it, kinds, ends)):
        min(groups, key=lambda group: _together([*group, projection], kinds, ends)).append(projection)
    while any(_moved(projection, groups, longest) for projection in projections):
        pass
    return groups


def _moved(projection: Projection, groups: list[list[Projection]], longest: Callable[[], float]) -> bool:
    """Put a projection into another group, where all is done sooner then; tell whether it was."""
    now, home = longest(), next(group for group in groups if projection in group)
    home.remove(projection)
    for group in groups:
        if group is home:
            continue
        group.append(projection)
        if longest() < now:
            return True
        group.remove(projection)
    home.append(projection)
    return False


def records_of(projection: Projection, ends: Mapping[TopicPartition, int]) -> int:
    """Return how many records a projection reads."""
    return sum(end for place, end in ends.items() if place.topic in projection.topics)


def wanted_sample(log: LogReader) -> tuple[int, int]:
    """Return about how many accounts, and how many tweets, there are."""
    ends = log.end_offsets((ACCOUNTS, TWEETS))
    of = {topic: sum(end for place, end in ends.items() if place.topic == topic) for topic in (ACCOUNTS, TWEETS)}
    return of[ACCOUNTS], of[TWEETS]


def _own(projection: Projection, kinds: Mapping[str, Kind], ends: Mapping[TopicPartition, int]) -> float:
    return records_of(projection, ends) * kinds[projection.name].weight


def _together(group: Sequence[Projection], kinds: Mapping[str, Kind], ends: Mapping[TopicPartition, int]) -> float:
    """Return the microseconds of a group: each record is decoded once."""
    topics = {topic for projection in group for topic in projection.topics}
    decoding = sum(end for place, end in ends.items() if place.topic in topics) * DECODE_US
    return decoding + sum(_own(projection, kinds, ends) for projection in group)


def estimates(
    projections: Sequence[Projection],
    kinds: Mapping[str, Kind],
    ends: Mapping[TopicPartition, int],
    groups: Sequence[Sequence[Projection]],
    sizes: Mapping[str, int],
    decode_us: float,
) -> list[Estimate]:
    """Return what each would read and take; `decode_us` is what decoding costs here, and the weights go with it."""
    slower = decode_us / DECODE_US
    found = []
    for projection in projections:
        group = next(group for group in groups if projection in group)
        records = records_of(projection, ends)
        size = sizes.get(projection.name) or records * GUESSED_BYTES
        found.append(Estimate(projection.name, records, _together(group, kinds, ends) * slower / 1e6, size))
    return found


def measured_decode_us(log: LogReader, ends: Mapping[TopicPartition, int]) -> float:
    """Return what it costs here to read and decode a record, in microseconds: measured on some."""
    place = max(ends, key=lambda it: ends[it], default=None)
    batch = None if place is None else log.read(*place, 0, MEASURED_RECORDS)
    if place is None or batch is None:
        return DECODE_US
    began = time.process_time()
    again = log.read(*place, 0, MEASURED_RECORDS) or batch
    decoded(again.values, frozenset())
    return (time.process_time() - began) / len(again.values) * 1e6
