"""Sums of cells, by example; tests/property/test_cells.py has the theory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.cql.cell_tables import pair_chunks
from infra.cql.cells import Cell, Counted, Row, Said, Segments, Turn, play, settle, tally
from infra.cql.lists import FIRST, bucket_of, buckets_of, newest

if TYPE_CHECKING:
    from infra.cql.calls import Row as Found
    from infra.cql.lists import Place

STANDS = Row(stands=True, value="then", upto=4)


def test_a_row_that_is_said_again_keeps_its_first_value() -> None:
    assert play([Said(7, "row", "now")], {"row": STANDS}) == ([], {})


def test_a_row_that_ends_tells_since_when_it_stood() -> None:
    turns, rows = play([Said(7, "row", None), Said(8, "row", "again")], {"row": STANDS})
    assert turns == [Turn(7, "row", -1, 3, "then"), Turn(8, "row", 1, 8, "again")]
    assert rows == {"row": Row(True, "again", 9)}


def test_what_a_row_knows_already_is_passed_by_and_said_again() -> None:
    ahead = Row(stands=False, value="then", upto=9)
    assert play([Said(7, "row", "then"), Said(8, "row", None)], {"row": ahead}) == ([], {"row": ahead})


def test_what_is_gone_for_good_stays_gone_also_before_it_stood() -> None:
    turns, rows = play([Said(1, "row", None), Said(2, "row", "late"), Said(3, "row", None)], {}, for_good=True)
    assert (turns, rows) == ([], {"row": Row(False, None, 2, gone=True)})
    assert play([Said(5, "row", "later")], rows, for_good=True) == ([], {})


def test_a_cell_counts_what_lies_behind_it_and_a_record_as_often_as_it_says() -> None:
    counted = [Counted(3, "cell", 1), Counted(5, "cell", 1), Counted(5, "cell", 1), Counted(6, "cell", -1)]
    assert tally(counted, {"cell": Cell(10, 4)}) == {"cell": Cell(11, 7)}


def test_a_cell_that_has_counted_all_is_said_again_and_one_that_cancels_out_moves_on() -> None:
    ahead = Cell(10, 9)
    assert tally([Counted(3, "cell", 1)], {"cell": ahead}) == {"cell": ahead}
    assert tally([Counted(3, "cell", 1), Counted(4, "cell", -1)], {}) == {"cell": Cell(0, 5)}


def test_a_segment_begins_with_its_first_row_and_a_repeat_finds_the_same() -> None:
    begun = [(offset, "list") for offset in (1, 4, 6, 7, 9)]
    cut = settle(begun, {}, rows_each=2)["list"]
    assert cut == Segments(5, 10, (6, 9))
    assert settle(begun[2:], {"list": cut}, rows_each=2) == {"list": cut}
    assert [cut.of(offset) for offset, _ in begun] == [0, 0, 1, 1, 2]


def test_a_list_has_the_buckets_of_all_its_sources() -> None:
    cut = Segments(3, 10, (6,))
    buckets = {bucket_of(cut, 1, 2), bucket_of(cut, 7, 2), bucket_of(None, 3, 9)}
    assert {FIRST, *buckets_of([("likes:2", [6]), ("likes:9", None)])} == buckets


def test_pairs_are_covered_by_products_of_bounded_sides() -> None:
    pairs = {(user, user * target % 7) for user in range(9) for target in range(5)}
    found = list(pair_chunks(pairs, size=4))
    assert all(len(side) <= 4 for chunk in found for side in chunk)
    assert pairs <= {(user, target) for users, targets in found for user in users for target in targets}


class Buckets:
    """A list in two buckets; every third row does not stand any more."""

    def __init__(self, rows: int) -> None:
        places = [(rows - at, at) for at in range(rows)]
        self._buckets = [
            [(*place, at % 3 > 0) for at, place in enumerate(places) if at % 7 % 2 == odd] for odd in (0, 1)
        ]
        self.standing = [place for at, place in enumerate(places) if at % 3]

    def read(self, below: Place, rows: int) -> list[list[Found]]:
        return [[row for row in bucket if row[:2] < below][:rows] for bucket in self._buckets]


def test_a_page_is_merged_from_buckets_and_skips_what_does_not_stand() -> None:
    source = Buckets(200)
    page = newest(source, (999, 0), 50)
    assert page == source.standing[:50]
    assert newest(source, page[-1], 1000) == source.standing[50:]
