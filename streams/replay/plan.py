"""Decides who builds what: groups of projections, a process each, about as long as one another.

Within a group each record is read and decoded once, so groups are few: one a core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from schemas.catalogue import ACCOUNTS, TWEETS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.log.port import LogReader, TopicPartition
    from streams.parts import Projection
    from streams.replay.kinds import Kind

DECODE_US = 6.0
"""CPU time to read and decode a record, in microseconds; weights of kinds are measured beside it."""
VERIFY_US = 8.0


class Estimate(NamedTuple):
    """What building one projection would read and take."""

    projection: str
    records: int
    seconds: float
    bytes: int


def shared_out(
    projections: Sequence[Projection], kinds: Mapping[str, Kind], ends: Mapping[TopicPartition, int], processes: int
) -> list[list[Projection]]:
    """Return the groups, the longest task first into the group that has least to do so far."""
    groups: list[list[Projection]] = [[] for _ in range(max(1, min(processes, len(projections))))]
    for projection in sorted(projections, key=lambda it: -_own(it, kinds, ends)):
        min(groups, key=lambda group: _together([*group, projection], kinds, ends)).append(projection)
    return groups


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
    decoding = sum(end for place, end in ends.items() if place.topic in topics) * (DECODE_US + VERIFY_US)
    return decoding + sum(_own(projection, kinds, ends) for projection in group)
