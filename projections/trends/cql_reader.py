"""Reads trends from Scylla or Cassandra (see projections.trends.cql_layout)."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from typing import TYPE_CHECKING

from infra.cql.calls import Call
from infra.cql.many import IN_KEYS, chunks
from infra.cql.projection_store import CqlProjectionReader
from infra.places import WORLD
from projections.trends import cql_layout as layout
from projections.trends.read_model import DAY_MS, HOUR_MS, LEAST_AUTHORS, PROJECTION, STEP_MS, Point, Volume, day_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from projections.trends.read_model import Order

MOST_CANDIDATES = 1_000
"""Topics whose counts are read for a list: those on the highest shelves."""
_STAGES = (range(layout.HIGHEST, 2, -1), range(2, 0, -1), range(1))
"""Levels that are looked at together: no more where the higher ones have enough."""


class CqlTrendsReader(CqlProjectionReader):
    """Reads trends (TrendsReader).

    A list is exact while no shelf that it reaches down to holds more than SHELF_ROWS topics, nor all MOST_CANDIDATES.
    """

    PROJECTION = PROJECTION

    def window(self, place: int, began_ms: int, limit: int) -> list[Volume]:
        """Return the topics with the most authors in the hour that began then, LEAST_AUTHORS at least."""
        topics = self._listed(layout.BY_AUTHORS_OF_HOUR, place, began_ms, limit)
        found = [it for it in self._volumes(place, topics, HOUR_MS, began_ms) if it.authors >= LEAST_AUTHORS]
        return sorted(found, key=lambda it: (-it.authors, -it.uses, it.topic))[:limit]

    def hours(self, place: int, topics: Collection[str], since_ms: int, until_ms: int) -> dict[str, list[Point]]:
        """Return, oldest first, the hours from `since_ms` on in which a topic was used."""
        begins = range(since_ms, until_ms, HOUR_MS)
        return self._points(place, topics, [(began, *layout.slot_of(HOUR_MS, began)) for began in begins])

    def days(self, place: int, topics: Collection[str], since_ms: int, until_ms: int) -> dict[str, list[Point]]:
        """Return, oldest first, the days (UTC) in [since, until) on which a topic was used."""
        begins = range(day_of(since_ms + DAY_MS - 1), until_ms, DAY_MS)
        return self._points(place, topics, [(began, *layout.slot_of(DAY_MS, began)) for began in begins])

    def top_of_day(self, place: int, day_ms: int, order: Order, limit: int) -> list[Volume]:
        """Return the topics of the day that begins at `day_ms`, most uses or most authors first, then by name."""
        if order == "uses":
            found = self._volumes(place, self._listed(layout.BY_USES_OF_DAY, place, day_ms, limit), DAY_MS, day_ms)
            return sorted(found, key=lambda it: (-it.uses, -it.authors, it.topic))[:limit]
        topics = self._listed(layout.BY_AUTHORS_OF_DAY, place, day_ms, limit)
        if len(topics) < limit:  # all others have one author: the most used of them follow
            topics |= self._listed(layout.BY_USES_OF_DAY, place, day_ms, limit + len(topics))
        found = self._volumes(place, topics, DAY_MS, day_ms)
        return sorted(found, key=lambda it: (-it.authors, -it.uses, it.topic))[:limit]

    def tweets(self, topic: str, since_ms: int, limit: int) -> list[int]:
        """Return the newest tweets that use a topic and are not older than `since_ms`."""
        rows = self.session.run(self.cql(layout.VOLUMES), (WORLD, [topic], day_of(since_ms), 2**62))
        hours = _newest_hours(rows, layout.hour_of(since_ms), limit)
        statement = self.cql(layout.TAGGED)
        found = self.session.run_all(Call(statement, (topic, hour_ms, limit)) for hour_ms in hours)
        return sorted((tweet for tweet, at in chain.from_iterable(found) if at >= since_ms), reverse=True)[:limit]

    def _listed(self, kind: int, place: int, began_ms: int, limit: int) -> set[str]:
        """Return the topics on the highest shelves, `limit` at least where there are as many: whole levels."""
        levels: dict[str, int] = {}
        for stage in _STAGES:
            for shelf, topic in self._on_shelves(kind, place, began_ms, stage, limit):
                levels[topic] = max(levels.get(topic, 0), layout.level_of(shelf))
            if len(levels) >= limit:
                break
        ranked = sorted(levels, key=lambda topic: (-levels[topic], topic))
        last = levels[ranked[limit - 1]] if len(ranked) >= limit else 0
        return {topic for topic in ranked[: max(limit, MOST_CANDIDATES)] if levels[topic] >= last}

    def _on_shelves(
        self, kind: int, place: int, began_ms: int, levels: Iterable[int], limit: int
    ) -> Iterator[tuple[int, str]]:
        shelves = layout.shelves(kind, levels)
        statement = self.cql(layout.ON_SHELVES)
        rows = max(limit, layout.SHELF_ROWS)
        portions = (shelves[at : at + IN_KEYS] for at in range(0, len(shelves), IN_KEYS))
        found = self.session.run_all(Call(statement, (place, began_ms, portion, rows)) for portion in portions)
        return ((shelf, topic) for shelf, topic in chain.from_iterable(found))

    def _volumes(self, place: int, topics: Collection[str], length_ms: int, began_ms: int) -> list[Volume]:
        points = self._points(place, topics, [(began_ms, *layout.slot_of(length_ms, began_ms))])
        return [Volume(topic, point.uses, point.authors) for topic, (point,) in points.items()]

    def _points(
        self, place: int, topics: Collection[str], wanted: list[tuple[int, int, int]]
    ) -> dict[str, list[Point]]:
        """Return the points, each wanted by when it began, on which day that is, and by its slot."""
        if not wanted:
            return {}
        first, last = wanted[0][1], wanted[-1][1]
        statement = self.cql(layout.VOLUMES)
        found = self.session.run_all(Call(statement, (place, chunk, first, last)) for chunk in chunks(topics))
        cells: defaultdict[str, defaultdict[int, list[bytes]]] = defaultdict(lambda: defaultdict(list))
        for topic, day_ms, counts in chain.from_iterable(found):
            cells[topic][day_ms].append(counts)
        points = {}
        for topic, by_day in cells.items():
            pairs = ((began, layout.total(by_day.get(day_ms, ()), slot)) for began, day_ms, slot in wanted)
            if line := [Point(began, *pair) for began, pair in pairs if pair is not None]:
                points[topic] = line
        return points


def _newest_hours(rows: Iterable[tuple[str, int, bytes]], since_ms: int, limit: int) -> list[int]:
    """Return the hours by the clock, newest first, that hold so many uses together."""
    uses: defaultdict[int, int] = defaultdict(int)
    for _, day_ms, counts in rows:
        for slot, (used, _) in layout.unpacked(counts).items():
            if slot != layout.THE_DAY and slot % (HOUR_MS // STEP_MS) == 0:
                uses[day_ms + slot * STEP_MS] += used
    hours, together = [], 0
    for hour_ms in sorted(uses, reverse=True):
        if hour_ms < since_ms or together >= limit:
            break
        hours.append(hour_ms)
        together += uses[hour_ms]
    return hours
