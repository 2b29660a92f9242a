"""Two files are compared row by row as sets would be, wherever chunks end; a digest depends on the rows alone."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING
from unittest.mock import patch

import apsw
from hypothesis import given
from hypothesis import strategies as st

from infra.sqlite import content
from infra.sqlite.content import Table, compare

if TYPE_CHECKING:
    from collections.abc import Mapping

TABLE = Table("things", ("a", "b"))
rows = st.dictionaries(st.tuples(st.integers(0, 6), st.text("xy", max_size=2)), st.integers(0, 1), max_size=25)


def file_of(found: Mapping[tuple[int, str], int], *, column: str = "c") -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    connection.execute(f"CREATE TABLE things (a INTEGER, b TEXT, {column} INTEGER)")
    connection.executemany("INSERT INTO things VALUES (?, ?, ?)", ((*key, value) for key, value in found.items()))
    return connection


@given(one=rows, other=rows, chunk=st.integers(1, 7))
def test_what_differs_is_found_with_both_rows(
    one: dict[tuple[int, str], int], other: dict[tuple[int, str], int], chunk: int
) -> None:
    with (
        patch.object(content, "CHUNK_ROWS", chunk),
        closing(file_of(one)) as first,
        closing(file_of(other)) as second,
    ):
        found = compare(first, second, TABLE, 1000)
        assert found.rows == len(one)
        assert found.digest == compare(first, None, TABLE, 0).digest
    differing = {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
    told = {(it.key[0][1], it.key[1][1]): (it.one and it.one[2], it.other and it.other[2]) for it in found.differences}
    assert told == {key: (one.get(key), other.get(key)) for key in differing}
    assert len(found.differences) == len(differing)


@given(one=rows, order=st.randoms(use_true_random=False))
def test_a_digest_does_not_depend_on_the_order_of_arrival(one: dict[tuple[int, str], int], order: object) -> None:
    shuffled = list(one.items())
    order.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random
    with closing(file_of(one)) as first, closing(file_of(dict(shuffled))) as second:
        assert compare(first, None, TABLE, 0).digest == compare(second, None, TABLE, 0).digest


@given(one=rows)
def test_of_two_layouts_what_both_have_is_compared(one: dict[tuple[int, str], int]) -> None:
    with closing(file_of(one)) as first, closing(file_of(one, column="d")) as second:
        assert compare(first, second, TABLE, 10).differences == []
    with closing(file_of(one)) as first, closing(apsw.Connection(":memory:")) as empty:
        assert compare(first, empty, TABLE, 10).differences == []
