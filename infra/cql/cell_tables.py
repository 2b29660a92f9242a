"""Tables of cells (see infra.cql.cells): a row for each counted id and source, a column for each count.

A count of a list has two columns more, `<count>_added` and `<count>_starts`: how the list is cut into segments.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from infra.cql.calls import Call
from infra.cql.cells import Cell, Segments, settle, tally
from infra.cql.many import IN_KEYS, read_many
from infra.cql.projection_store import in_batches
from infra.cql.projection_tables import named

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from infra.cql.calls import Batch, Row
    from infra.cql.cells import Counted, Turn
    from infra.cql.session import CqlSession
    from infra.log.port import Span

Counter = tuple[int, str]
"""An id, and which of its counts."""
Pair = tuple[int, int]


class Cells(NamedTuple):
    """Cells, and how lists are cut."""

    cells: dict[Counter, Cell]
    lists: dict[Counter, Segments]


class Listed(NamedTuple):
    """A turn that puts a row into a counted list, or takes it out."""

    turn: Turn
    list: Counter


def source_of(span: Span) -> str:
    """Return the name of a log partition in tables of cells."""
    return f"{span.topic}:{span.partition}"


class CellTable:
    """The statements of one table of cells: `<table>{g} (<key>, source)`."""

    def __init__(self, table: str, key: str, counts: Sequence[str], lists: Sequence[str] = ()) -> None:
        timed = (*counts, *(f"{it}_added" for it in lists))
        columns = [key, *(f"{it}, WRITETIME({it})" for it in timed), *(f"{it}_starts" for it in lists)]
        where = f" WHERE {key} = ? AND source = ?"
        self._key, self._counts, self._lists = key, counts, lists
        self._read = f"SELECT {', '.join(columns)} FROM {table}{{g}} WHERE {key} IN ? AND source = ?"
        self._set = {it: f"UPDATE {table}{{g}} USING TIMESTAMP ? SET {it} = ?{where}" for it in counts}
        self._cut = {
            it: [f"UPDATE {table}{{g}} USING TIMESTAMP ? SET {it}_{part} = ?{where}" for part in ("added", "starts")]
            for it in lists
        }

    @property
    def columns(self) -> str:
        """What follows the table's name in CREATE TABLE."""
        counts = [f"{it} int" for it in self._counts]
        lists = [f"{it}_added int, {it}_starts frozen<list<bigint>>" for it in self._lists]
        return f"({self._key} bigint, source text, {', '.join([*counts, *lists])}, PRIMARY KEY ({self._key}, source))"

    def read(self, session: CqlSession, generation: int, ids: Iterable[int], source: str) -> Cells:
        """Read the cells of these ids, of one source."""
        found = Cells({}, {})
        for row in read_many(session, named(self._read, generation), ids, source):
            self._take(row, found)
        return found

    def _take(self, row: Row, found: Cells) -> None:
        timed = list(zip(row[1::2], row[2::2], strict=False))
        for count, (n, upto) in zip(self._counts, timed, strict=False):
            if upto:
                found.cells[row[0], count] = Cell(n, upto)
        added = timed[len(self._counts) :]
        starts = row[len(row) - len(self._lists) :]
        for count, (n, upto), began in zip(self._lists, added, starts, strict=False):
            if upto:
                found.lists[row[0], count] = Segments(n, upto, tuple(began or ()))

    def writes(self, changed: Cells, generation: int, source: str) -> list[Call | Batch]:
        """Return the calls that write cells, and how lists are cut."""
        return in_batches(
            chain(self._count_calls(changed, generation, source), self._cut_calls(changed, generation, source))
        )

    def _count_calls(self, changed: Cells, generation: int, source: str) -> Iterator[tuple[int, Call]]:
        for (of, count), cell in changed.cells.items():
            yield of, Call(named(self._set[count], generation), (cell.upto, cell.n, of, source))

    def _cut_calls(self, changed: Cells, generation: int, source: str) -> Iterator[tuple[int, Call]]:
        for (of, count), cut in changed.lists.items():
            added, starts = (named(statement, generation) for statement in self._cut[count])
            yield of, Call(added, (cut.upto, cut.added, of, source))
            if cut.starts:
                yield of, Call(starts, (cut.starts[-1] + 1, list(cut.starts), of, source))


def changed_cells(counted: Iterable[Counted], listed: Iterable[Listed], read: Cells, segment_rows: int) -> Cells:
    """Return the cells to write, and how the lists are cut that rows were put into or taken out of."""
    cut = settle(((turn.offset, of) for turn, of in listed if turn.by > 0), read.lists, segment_rows)
    return Cells(tally(counted, read.cells), cut)


def pair_chunks(pairs: Iterable[Pair], size: int = IN_KEYS) -> Iterator[tuple[list[int], list[int]]]:
    """Cover pairs by (firsts, seconds), each of at most `size`: their products hold all the pairs, and others."""
    firsts: set[int] = set()
    seconds: set[int] = set()
    for first, second in sorted(set(pairs)):
        if len(firsts | {first}) > size or len(seconds | {second}) > size:
            yield sorted(firsts), sorted(seconds)
            firsts, seconds = set(), set()
        firsts.add(first)
        seconds.add(second)
    if firsts:
        yield sorted(firsts), sorted(seconds)
