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


ELSEWHERE = -1
"""Where a use stands that came from another partition than the one at hand, of dead letters: before all of it."""


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


def slots(at_ms: int) -> Iterator[tuple[int, int]]:
    """Return the spans that a time is in: the length of each, and when it began."""
    for back in range(HOUR_MS // STEP_MS):
        yield HOUR_MS, quarter(at_ms) - back * STEP_MS
    yield DAY_MS, day_of(at_ms)


class History:
    """What an account is known to have said: on the days in `loaded`, and since."""

    def __init__(self, spoken: Iterable[Spoken] = ()) -> None:
        self.loaded: set[int] = set()
        self._by_topic: dict[str, list[Spoken]] = {}
        self._days: dict[int, _Day] = {}
        self._last = -1
        self._oldest_ms, self._first = 1 << 62, 1 << 62
        self.add(spoken)

    def add(self, spoken: Iterable[Spoken]) -> None:
        """Take what was said into account."""
        for it in spoken:
            self._by_topic.setdefault(it.use.topic, []).append(it)
            day = self._days.setdefault(day_of(it.use.at_ms), _Day(set(), set()))
            day.topics.add(it.use.topic)
            day.uses.add((it.use.topic, it.use.tweet_id))
            self._last = max(self._last, it.place)
            self._first, self._oldest_ms = min(self._first, it.place), min(self._oldest_ms, it.reached_ms)

    def before(self, spoken: Spoken) -> History:
        """Return what was said before, as far as it is recognised: as a rule, all of it."""
        is_of_late = _is_recognised(self._first, self._oldest_ms, spoken)
        if self._last < spoken.place and is_of_late:
            return self
        known = (it for said in self._by_topic.values() for it in said if it.place < spoken.place)
        return History(it for it in known if _is_recognised(it.place, it.reached_ms, spoken))

    def of_topic(self, topic: str) -> Sequence[Use]:
        """Return the uses of a topic."""
        return [it.use for it in self._by_topic.get(topic, ())]

    def has_room(self, topic: str, day_ms: int) -> bool:
        """Tell whether a use more of a topic counts on a day."""
        day = self._days.get(day_ms)
        if day is None:
            return True
        return len(day.uses) < USES_A_DAY and (topic in day.topics or len(day.topics) < TOPICS_A_DAY)

    def find(self, use: Use) -> Spoken | None:
        """Return the same use, as it is known."""
        return next((it for it in self._by_topic.get(use.topic, ()) if it.use.tweet_id == use.tweet_id), None)


class _Day(NamedTuple):
    topics: set[str]
    uses: set[tuple[str, int]]


def days_of(at_ms: int) -> range:
    """Return the days on which what an account said matters to a use: its own, and those of all hours that hold it."""
    first, last = quarter(at_ms) - HOUR_MS + STEP_MS, quarter(at_ms) + HOUR_MS - 1
    return range(day_of(first), last + 1, DAY_MS)


def added(spoken: Spoken, history: History) -> Sequence[Added]:
    """Return what a use adds: nothing where it is known, or where its author has said too much.

    `history` has loaded `days_of` the use; what was said here or later, and what is not recognised any more, is passed
    by. What one record says is added to the history when all of it was judged.
    """
    use, known = spoken.use, history.before(spoken)
    same = known.of_topic(use.topic)
    if any(it.tweet_id == use.tweet_id for it in same) or not known.has_room(use.topic, day_of(use.at_ms)):
        return ()
    return [
        Added(Slot(place, use.topic, length, began), int(place not in _places(same, began, length)))
        for length, began in slots(use.at_ms)
        for place in lineage(use.place)
    ]


def _is_recognised(place: int, reached_ms: int, now: Spoken) -> bool:
    return now.reached_ms - reached_ms <= USES_KEPT_MS or now.place - place <= USES_KEPT_RECORDS


def _places(uses: Iterable[Use], began_ms: int, length_ms: int) -> set[int]:
    return {place for it in uses if began_ms <= it.at_ms < began_ms + length_ms for place in lineage(it.place)}
