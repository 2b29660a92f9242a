"""Decides what a use adds to the counts, given what its author said before. Pure; both stores count by it.

Guarantee:  what a record adds follows from the records before it in its log partition, and from nothing else: an
            author has one partition, so distinct authors of all partitions are the sum of each one's
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from infra.places import lineage
from projections.trends.read_model import (
    DAY_MS,
    HOUR_MS,
    STEP_MS,
    TOPICS_A_DAY,
    USES_A_DAY,
    USES_KEPT_MS,
    USES_KEPT_RECORDS,
    day_of,
    quarter,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from projections.trends.projector import Use


class Spoken(NamedTuple):
    """A use, where in its log partition it stands (any number that grows), and how far that was then (`reach`)."""

    use: Use
    place: int
    reached_ms: int


class Slot(NamedTuple):
    """An hour or a day of a topic in a place."""

    place: int
    topic: str
    length_ms: int
    began_ms: int


class Added(NamedTuple):
    """One use more in a slot, and one author more (1) or the same (0)."""

    slot: Slot
    authors: int


def reach(reached_ms: int, at_ms: int) -> int:
    """Return how far a partition is after a use: what is kept, and for how long, is measured by it.

    A tweet moves it by a day at most, so that one whose clock was wrong does not make everything else old.
    """
    return max(reached_ms, min(at_ms, reached_ms + DAY_MS)) if reached_ms else at_ms


def relevant_ms(at_ms: int) -> tuple[int, int]:
    """Return from when and until when what an author said matters to a use: its day, and all hours that hold it."""
    first, last = quarter(at_ms) - HOUR_MS + STEP_MS, quarter(at_ms) + HOUR_MS
    return min(day_of(at_ms), first), max(day_of(at_ms) + DAY_MS, last)


def slots(at_ms: int) -> Iterator[tuple[int, int]]:
    """Return the spans that a time is in: the length of each, and when it began."""
    for back in range(HOUR_MS // STEP_MS):
        yield HOUR_MS, quarter(at_ms) - back * STEP_MS
    yield DAY_MS, day_of(at_ms)


def added(spoken: Spoken, before: Iterable[Spoken]) -> Sequence[Added]:
    """Return what a use adds: nothing where it is known, or where its author has said too much.

    `before` holds what is known of what the author said, of any topic, in `relevant_ms`; what was said here or later,
    and what is not recognised any more, is passed by.
    """
    use = spoken.use
    known = [it for it in before if it.place < spoken.place and _is_recognised(it, spoken)]
    same = [it.use for it in known if it.use.topic == use.topic]
    if any(it.tweet_id == use.tweet_id for it in same):
        return ()
    day_ms = day_of(use.at_ms)
    today = [it.use.topic for it in known if day_of(it.use.at_ms) == day_ms and it.use.tweet_id != use.tweet_id]
    topics = set(today)
    if len(today) >= USES_A_DAY or (len(topics) >= TOPICS_A_DAY and use.topic not in topics):
        return ()
    return [
        Added(Slot(place, use.topic, length, began), int(place not in _places(same, began, length)))
        for length, began in slots(use.at_ms)
        for place in lineage(use.place)
    ]


def _is_recognised(earlier: Spoken, now: Spoken) -> bool:
    is_of_late = now.reached_ms - earlier.reached_ms <= USES_KEPT_MS
    return is_of_late or now.place - earlier.place <= USES_KEPT_RECORDS


def _places(uses: Iterable[Use], began_ms: int, length_ms: int) -> set[int]:
    return {place for it in uses if began_ms <= it.at_ms < began_ms + length_ms for place in lineage(it.place)}
