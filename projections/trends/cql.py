"""Keeps trends on Scylla or Cassandra.

Consumes:   the writes of projections.trends.projector, placed
Writes:     see projections.trends.cql_layout: said (author, day; topic, tweet), volumes (place, topic; day, source →
            counts), shelves (place, when it began, shelf; topic), tagged (topic, hour, bucket; tweet), reached (source)
Guarantee:  see infra.cql.cells and projections.trends.counting; the distinct authors of a topic are the sum of those of
            each log partition, because an author has one
Rebuild:    see infra.cql.projection_store

The steps of infra.cql.cells, with two more. A topic is put on shelves when its cells are acknowledged: who writes a
cell reads those of all sources afterwards, so of two that count at the same time one at least sees the sum, and lists
the topic there. And how far the partition is (`reached`) comes last: the records up to there are entirely applied, and
those after it are judged by what it says, however they are delivered. Rows expire by themselves; what is recognised is
decided by the log, and not by that (projections.trends.counting).
"""

from __future__ import annotations

from collections import defaultdict
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from infra.cql.calls import Call
from infra.cql.cell_tables import source_of
from infra.cql.many import chunks
from infra.cql.projection_store import CqlProjectionStore, in_batches
from projections.trends import cql_layout as layout
from projections.trends.counting import ELSEWHERE, History, Spoken, added, days_of, reach
from projections.trends.projector import UNKNOWN, Forget, Use, Withdraw
from projections.trends.read_model import PROJECTION, TOPICS, day_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

    from infra.cql.projection_store import Steps
    from infra.cql.session import CqlSession
    from infra.log.port import Span
    from infra.projections import Placed
    from projections.trends.counting import Added

REMEMBERED_SHELVES = 100_000  # some 20 MB

Day = tuple[int, int]
"""A place and a day: topics of one are read together."""
Keyed = tuple["Hashable", Call]


class _Played(NamedTuple):
    """What a span does: uses that count, with what they add, and the rows to write."""

    turns: list[tuple[Spoken, Sequence[Added]]]
    rows: list[Spoken]


class _Cell(NamedTuple):
    """What one source adds to the counts of a topic in a place on a day, by its records below `upto`."""

    counts: layout.Counts
    upto: int


_EMPTY = _Cell({}, 0)


class CqlTrendsStore(CqlProjectionStore):
    """A writer of trends: of its log partitions."""

    PROJECTION = PROJECTION
    TABLES: ClassVar[Mapping[str, str]] = layout.TABLES

    def __init__(self, session: CqlSession, log_id: str, generation: int = 1) -> None:
        super().__init__(session, log_id, generation)
        self._listed: set[tuple[Any, ...]] = set()  # written already: else a row for each use

    def steps(self, writes: Sequence[Placed], span: Span) -> Steps:
        """Count, then list what was counted, then write the uses, then how far the partition is."""
        for kind, run in groupby(writes, lambda it: type(it.write)):
            if kind is Use:
                yield from self._used(list(run), span)
            else:
                yield from self._withdrawn(list(run), span)
        return None

    def _used(self, writes: Sequence[Placed], span: Span) -> Steps:
        source = source_of(span)
        passed = self._spoken(writes, span, source)
        if not passed:
            return None
        spoken = [it for it in passed if it.use.topic != UNKNOWN]
        played = _play(spoken, self._said(spoken, is_letter=span.topic not in TOPICS))
        cells = _tallied(played.turns, self._cells(_touched(played.turns), source))
        yield in_batches(self._volumes(cells, source))
        listed = self._shelves(played.turns)
        yield in_batches(chain(listed.values(), self._tagged(played.turns)))
        self._remember_listed(listed)
        yield in_batches(self._puts(played.rows))
        last = passed[-1]
        yield [Call(self.cql(layout.PUT_REACHED), (source, last.reached_ms, last.place + 1))]
        return None

    def _withdrawn(self, writes: Sequence[Placed], span: Span) -> Steps:
        """Take away what an account added; last, what is known of what it said: until then all of it may come again."""
        source = source_of(span)
        taken = [(it.write, span.start + it.at) for it in writes if isinstance(it.write, Withdraw)]
        cells = self._cells(_by_day(((it.place, day_of(it.began_ms)), it.topic) for it, _ in taken), source)
        left = _less(taken, cells)
        yield in_batches(self._rest(left, source))
        sums = self._all_cells(_by_day(left))
        yield in_batches(self._off_shelves(taken, sums))
        said = [
            (it.write.author_id, day_ms, span.start + it.at + 1)
            for it in writes if isinstance(it.write, Forget) for day_ms in it.write.day_ms
        ]  # fmt: skip
        yield in_batches(self._untagged(said))
        yield [Call(self.cql(layout.FORGET_SAID), (at, author_id, day_ms)) for author_id, day_ms, at in said]
        return None

    def _rest(self, cells: Mapping[tuple[Day, str], _Cell], source: str) -> Iterator[Keyed]:
        for ((place, day_ms), topic), cell in cells.items():
            if cell.counts:
                values = (place, topic, day_ms, source, layout.packed(cell.counts), cell.upto)
                yield ("volumes", place, topic), Call(self.cql(layout.PUT_VOLUME), values)
            else:
                yield (
                    ("volumes", place, topic),
                    Call(self.cql(layout.DROP_VOLUME), (cell.upto, place, topic, day_ms, source)),
                )

    def _off_shelves(
        self, taken: Iterable[tuple[Withdraw, int]], sums: Mapping[tuple[Day, str], list[bytes]]
    ) -> Iterator[Keyed]:
        for it, _ in taken:
            day_ms, number = layout.slot_of(it.length_ms, it.began_ms)
            if layout.total(sums.get(((it.place, day_ms), it.topic), ()), number) is None:
                for shelf in layout.shelves_below(it.topic, number, (it.uses, it.authors)):
                    row = (it.place, it.began_ms, shelf)
                    yield row, Call(self.cql(layout.TAKE_OFF_SHELF), (*row, it.topic))

    def _spoken(self, writes: Sequence[Placed], span: Span, source: str) -> list[Spoken]:
        """Return the uses that are not entirely applied yet, in order."""
        if not writes:
            return []
        found = self.session.run(self.cql(layout.REACHED), (source,))
        reached_ms, upto = found[0] if found else (0, 0)
        spoken = []
        for at, use in writes:
            if span.start + at >= upto:
                reached_ms = reach(reached_ms, use.at_ms)
                spoken.append(Spoken(use, span.start + at, reached_ms))
        return spoken

    def _said(self, spoken: Iterable[Spoken], *, is_letter: bool) -> dict[int, History]:
        """Return, by author, what is known of what they said on the days that matter."""
        authors: defaultdict[int, set[int]] = defaultdict(set)
        for it in spoken:
            for day_ms in days_of(it.use.at_ms):
                authors[day_ms].add(it.use.author_id)
        statement = self.cql(layout.SAID)
        calls = [Call(statement, (chunk, day_ms)) for day_ms, ids in authors.items() for chunk in chunks(ids)]
        said: defaultdict[int, History] = defaultdict(History)
        for *use, upto, reached_ms in chain.from_iterable(self.session.run_all(calls)):
            said[use[2]].add((Spoken(Use._make(use), ELSEWHERE if is_letter else upto - 1, reached_ms),))
        return said

    def _cells(self, touched: Mapping[Day, set[str]], source: str) -> dict[tuple[Day, str], _Cell]:
        statement = self.cql(layout.CELLS)
        asked = [(day, chunk) for day, topics in touched.items() for chunk in chunks(topics)]
        found = self.session.run_all(Call(statement, (place, chunk, on, source)) for (place, on), chunk in asked)
        return {
            (day, topic): _Cell(layout.unpacked(counts), upto)
            for (day, _), rows in zip(asked, found, strict=True)
            for topic, counts, upto in rows
        }

    def _volumes(self, cells: Mapping[tuple[Day, str], _Cell], source: str) -> Iterator[Keyed]:
        for ((place, day_ms), topic), cell in cells.items():
            values = (place, topic, day_ms, source, layout.packed(cell.counts), cell.upto)
            yield ("volumes", place, topic), Call(self.cql(layout.PUT_VOLUME), values)

    def _shelves(self, turns: Iterable[tuple[Spoken, Sequence[Added]]]) -> dict[tuple[Any, ...], Keyed]:
        """Return where topics are to be listed, by what all sources have counted, less what is known to be listed."""
        slots: defaultdict[tuple[Day, str], set[tuple[int, int]]] = defaultdict(set)
        for _, found in turns:
            for slot, _ in found:
                day_ms, number = layout.slot_of(slot.length_ms, slot.began_ms)
                slots[(slot.place, day_ms), slot.topic].add((number, slot.began_ms))
        cells = self._all_cells(_by_day(slots))
        listed: dict[tuple[Any, ...], Keyed] = {}
        for (day, topic), numbers in slots.items():
            for number, began_ms in numbers:
                pair = layout.total(cells[day, topic], number)
                for shelf, seconds in layout.shelves_of(topic, number, pair or (0, 0)):
                    row = (day[0], began_ms, shelf, topic)
                    if row not in self._listed:
                        listed[row] = row[:3], Call(self.cql(layout.PUT_ON_SHELF), (*row, seconds))
        return listed

    def _all_cells(self, touched: Mapping[Day, set[str]]) -> dict[tuple[Day, str], list[bytes]]:
        statement = self.cql(layout.VOLUMES)
        asked = [(day, chunk) for day, topics in touched.items() for chunk in chunks(topics)]
        found = self.session.run_all(Call(statement, (place, chunk, on, on)) for (place, on), chunk in asked)
        cells: defaultdict[tuple[Day, str], list[bytes]] = defaultdict(list)
        for (day, _), rows in zip(asked, found, strict=True):
            for topic, _, counts in rows:
                cells[day, topic].append(counts)
        return cells

    def _remember_listed(self, listed: Iterable[tuple[Any, ...]]) -> None:
        if len(self._listed) > REMEMBERED_SHELVES:
            self._listed.clear()
        self._listed.update(listed)

    def _tagged(self, turns: Iterable[tuple[Spoken, Sequence[Added]]]) -> Iterator[Keyed]:
        for (use, offset, _), _ in turns:
            partition = (use.topic, layout.hour_of(use.at_ms), layout.bucket_of(use.tweet_id))
            values = (*partition, use.tweet_id, use.at_ms, offset + 1)
            yield ("tagged", *partition), Call(self.cql(layout.PUT_TAGGED), values)

    def _untagged(self, said: Sequence[tuple[int, int, int]]) -> Iterator[Keyed]:
        """Take an author's tweets from the lists of topics, by what is known as said on a day."""
        statement = self.cql(layout.SAID)
        found = self.session.run_all(Call(statement, ([author_id], day_ms)) for author_id, day_ms, _ in said)
        for (_, _, at), rows in zip(said, found, strict=True):
            for topic, tweet_id, _, _, at_ms, *_ in rows:
                partition = (topic, layout.hour_of(at_ms), layout.bucket_of(tweet_id))
                yield ("tagged", *partition), Call(self.cql(layout.DROP_TAGGED), (at, *partition, tweet_id))

    def _puts(self, rows: Iterable[Spoken]) -> Iterator[Keyed]:
        for use, offset, reached_ms in rows:
            day_ms = day_of(use.at_ms)
            values = (use.author_id, day_ms, use.topic, use.tweet_id, use.place, use.at_ms, reached_ms, offset + 1)
            yield ("said", use.author_id, day_ms), Call(self.cql(layout.PUT_SAID), values)


def _play(spoken: Iterable[Spoken], said: Mapping[int, History]) -> _Played:
    """Play the uses of a span, in order, on what is known; what is known as said here or later is written again."""
    played = _Played([], [])
    for _, uses in groupby(spoken, lambda it: (it.place, it.use.author_id)):
        record = list(uses)
        history = said[record[0].use.author_id]
        rows = {it: history.find(it.use) for it in record}
        ahead = {it: row for it, row in rows.items() if row is not None and row.place >= it.place}
        turns = [(it, found) for it in record if it not in ahead and (found := added(it, history))]
        history.add(it for it, _ in turns)
        played.rows.extend([*ahead.values(), *(it for it, _ in turns)])
        played.turns.extend(turns)
    return played


def _touched(turns: Iterable[tuple[Spoken, Sequence[Added]]]) -> dict[Day, set[str]]:
    return _by_day(((slot.place, day_of(slot.began_ms)), slot.topic) for _, found in turns for slot, _ in found)


def _by_day(keys: Iterable[tuple[Day, str]]) -> dict[Day, set[str]]:
    topics: defaultdict[Day, set[str]] = defaultdict(set)
    for day, topic in keys:
        topics[day].add(topic)
    return topics


def _less(
    taken: Iterable[tuple[Withdraw, int]], cells: Mapping[tuple[Day, str], _Cell]
) -> dict[tuple[Day, str], _Cell]:
    """Return the cells that are left, given the cells as read (infra.cql.cells)."""
    to_write: dict[tuple[Day, str], _Cell] = {}
    for it, offset in taken:
        day_ms, number = layout.slot_of(it.length_ms, it.began_ms)
        key = (it.place, day_ms), it.topic
        read = cells.get(key, _EMPTY)
        cell = to_write.get(key) or _Cell(dict(read.counts), read.upto)
        if offset >= read.upto:
            uses, authors = cell.counts.pop(number, (0, 0))
            if uses > it.uses:
                cell.counts[number] = uses - it.uses, max(1, authors - it.authors)
            cell = cell._replace(upto=offset + 1)
        to_write[key] = cell
    return to_write


def _tallied(
    turns: Iterable[tuple[Spoken, Sequence[Added]]], cells: Mapping[tuple[Day, str], _Cell]
) -> dict[tuple[Day, str], _Cell]:
    """Return the cells to write for the turns of a span, given the cells as read after the rows (infra.cql.cells)."""
    to_write: dict[tuple[Day, str], _Cell] = {}
    for it, found in turns:
        for slot, authors in found:
            day_ms, number = layout.slot_of(slot.length_ms, slot.began_ms)
            key = (slot.place, day_ms), slot.topic
            read = cells.get(key, _EMPTY)
            cell = to_write.get(key) or _Cell(dict(read.counts), read.upto)
            if it.place >= read.upto:
                known = cell.counts.get(number, (0, 0))
                cell.counts[number] = known[0] + 1, known[1] + authors
                cell = cell._replace(upto=it.place + 1)
            to_write[key] = cell
    return to_write
