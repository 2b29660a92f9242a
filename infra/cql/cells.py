"""Counts without transactions: sums of cells, exact whatever is killed, repeated, cut otherwise or done by two.

A row (a follow, a like, a retweet) is turned on and off by the records of one log partition, its source. A count is a
sum of cells, one for each source that contributes; a cell is (n, upto). Both are written USING TIMESTAMP: a row with
the offset of the record that it is the work of, plus one; a cell with its upto, which is why no column holds either:
they are the WRITETIME. Applying the records [start, end) of a source has five steps, each sent only when the one
before is acknowledged by a quorum:

  1  read the rows that the records name
  2  read the cells that the rows' turns count in
  3  write the cells
  4  write the copies of the rows (the lists), and then the rows
  5  write the checkpoint

It is exact, because nothing that is ever written is wrong; it is only late or early. Call *true* a row that is what the
log says up to the record it carries, and a cell whose n is the sum of all turns of its source at offsets below its
upto. Suppose all that is stored is true, and any worker begins at a start that was a checkpoint.

  * Rows. Spans before start are entirely applied, so the row that is read is what the log says at start, or at a later
    record (it is *ahead*: somebody got further and died, or works at the same time). `play` passes by the records that
    it knows already, so what it makes of the others is true, and so are the turns it finds.
  * No turn is counted twice: `tally` counts only offsets that the cell has not counted up to.
  * No turn is left out. Of those in [start, end) at or above the cell's upto, one would be left out if it were not
    found, because its row knew it already. But a row is written after the cells of its turns were acknowledged and was
    read before the cell: then the cell had counted it, and its upto is above. Those before start were counted by spans
    that are entirely applied. So n is again the sum of all below the new upto: the cell that is written is true.
  * The last word wins: of two truths about a row or cell the later has the greater timestamp, so nothing moves back,
    however late a write arrives. Two truths with one timestamp are the same, so it does not matter which of them wins.

So a second delivery, in whatever portions, adds nothing, a worker that was driven out and goes on adds nothing, and a
span that was begun is finished by whoever gets it next. What could still break it, and what is done about it:

  * A write that was not acknowledged may be on too few replicas to be seen again. Whoever read it and relied on it says
    it again, as it was: rows and cells that are ahead are written like those that changed.
  * A cell whose turns cancel out is written too, with its new upto. Otherwise, of two rows one could be written and the
    other not, and in other portions the missing half would count alone.
  * A record may count twice in one cell (a reply that quotes the same author): offsets are compared with the upto that
    was read, not with the one that grows.
  * A list has its time in its key, so taking a row out of it needs to know the time it went in. It stands in the row;
    hence the copies before the row: a row that is known has its copies.
  * Nothing is deleted. A deletion that wins over a late repeat of what it deleted lives for as long as it is kept;
    `stands = false` lives for ever.
  * Which worker owns a partition is not asked: it does not matter. That the partitions of a topic stay as many as they
    were does: offsets of another partition cannot be compared.

`play` and `tally` are steps 1 to 3 without the input and output. `settle` is for lists too long for one partition of a
table: it cuts them into segments, by the order of the log, so that all agree where a row is.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Said(NamedTuple):
    """What a record says of a row: it stands, with this value; or it does not (None)."""

    offset: int
    key: Any
    value: Any


class Row(NamedTuple):
    """A row as stored: `upto` is the offset of the record that it is the work of, plus one; `gone`: for good."""

    stands: bool
    value: Any
    upto: int
    gone: bool = False


class Turn(NamedTuple):
    """A row began (`by` is 1) or ceased (-1) to stand; `since`: the offset at which it began; its value since then."""

    offset: int
    key: Any
    by: int
    since: int
    value: Any


class Played(NamedTuple):
    """What records do to rows: every turn, in order, and the rows to write."""

    turns: list[Turn]
    rows: dict[Any, Row]


NEVER = Row(stands=False, value=None, upto=0)


def play(said: Iterable[Said], rows: Mapping[Any, Row], *, for_good: bool = False) -> Played:
    """Play what the records of a span say, in order, on the rows as read.

    A row that stands and is said again keeps its first value. `for_good`: a row that ceased never stands again, also
    where it ceased before it stood.
    """
    turns: list[Turn] = []
    to_write: dict[Any, Row] = {}
    for offset, key, value in said:
        read = rows.get(key, NEVER)
        if offset < read.upto:
            to_write.setdefault(key, read)  # it is ahead: said again
            continue
        row = to_write.get(key, read)
        if value is not None and not row.stands and not row.gone:
            to_write[key] = Row(True, value, offset + 1)
            turns.append(Turn(offset, key, 1, offset, value))
        elif value is None and (row.stands or (for_good and not row.gone)):
            to_write[key] = Row(False, row.value, offset + 1, for_good)
            if row.stands:
                turns.append(Turn(offset, key, -1, row.upto - 1, row.value))
    return Played(turns, to_write)


class Cell(NamedTuple):
    """What one source adds to a count: n, of all its records below upto."""

    n: int = 0
    upto: int = 0


EMPTY = Cell()


class Counted(NamedTuple):
    """What a record adds to a count."""

    offset: int
    key: Any
    by: int


def tally(counted: Iterable[Counted], cells: Mapping[Any, Cell]) -> dict[Any, Cell]:
    """Return the cells to write for what the turns of a span count, given the cells as read after the rows."""
    to_write: dict[Any, Cell] = {}
    for offset, key, by in counted:
        read = cells.get(key, EMPTY)
        if offset >= read.upto:
            now = to_write.get(key, read)
            to_write[key] = Cell(now.n + by, max(now.upto, offset + 1))
        else:
            to_write.setdefault(key, read)  # it is ahead: said again
    return to_write


class Segments(NamedTuple):
    """How one source's part of a list is cut: `added` of all its records below upto, and where segments 1, 2 … began.

    It is a cell that counts only beginnings, written and read with the starts in one; all said of cells holds for it.
    """

    added: int = 0
    upto: int = 0
    starts: tuple[int, ...] = ()

    def of(self, since: int) -> int:
        """Return the segment of the row that began to stand at an offset."""
        return bisect_right(self.starts, since)


WHOLE = Segments()


def settle(begun: Iterable[tuple[int, Any]], lists: Mapping[Any, Segments], rows_each: int) -> dict[Any, Segments]:
    """Return how lists are cut, of `rows_each` rows, when rows begin at these (offset, list).

    A segment begins at the offset of its first row, which the log alone decides: whoever comes again finds the same.
    """
    cut: dict[Any, Segments] = {}
    for offset, key in begun:
        read = lists.get(key, WHOLE)
        added, upto, starts = cut.get(key, read)
        if offset >= read.upto:
            if added and added % rows_each == 0:
                starts = (*starts, offset)
            added, upto = added + 1, offset + 1
        cut[key] = Segments(added, upto, starts)
    return cut
