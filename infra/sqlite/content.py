"""Compares what two files of a projection hold, row by row in the order of their keys, and digests it.

A projection declares its tables (what is content, and what is only how it came about) and its invariants in
`projections/<name>/invariants.py`. A digest depends on the rows alone: not on the order in which they came, nor on
where they stand in the file.
"""

from __future__ import annotations

import hashlib
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from infra.sqlite.connections import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    import apsw

CHUNK_ROWS = 2_000

Row = tuple[Any, ...]


class Table(NamedTuple):
    """Rows that are a function of the log: `key` names the columns that order them, one row each.

    `source` is what stands behind FROM, where it is not the name; `prepare` a statement that makes it, on a connection
    that may make temporary tables. `by_key`: the source gives its rows in the order of their keys by itself.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...] = ()  # empty: all
    source: str = ""
    prepare: str = ""
    by_key: bool = False
    base: str = ""  # the table of the file that the source shows, where it is not the name


class Invariant(NamedTuple):
    """What always holds, and the query of what breaks it; its first column is an id."""

    says: str
    broken: str


class Content(NamedTuple):
    """What of a projection's file is content."""

    tables: tuple[Table, ...] = ()
    invariants: tuple[Invariant, ...] = ()


class RowDifference(NamedTuple):
    """A row that two files do not have alike; None where one has none of this key."""

    table: str
    columns: tuple[str, ...]
    key: tuple[tuple[str, Any], ...]
    one: Row | None
    other: Row | None


class Compared(NamedTuple):
    """How many rows the first file has, their digest, and the first differences to the other."""

    table: str
    rows: int
    digest: str
    differences: list[RowDifference]


def columns_of(connection: apsw.Connection, table: Table) -> tuple[str, ...]:
    """Return the names of the columns that are compared; none where there is no such table."""
    of = table.base or table.name
    if table.columns:
        return table.columns if rows(connection, "SELECT 1 FROM sqlite_schema WHERE name = ?", (of,)) else ()
    return tuple(row[0] for row in rows(connection, "SELECT name FROM pragma_table_info(?)", (of,)))


def compare(one: apsw.Connection, other: apsw.Connection | None, table: Table, limit: int) -> Compared:
    """Compare a table of two files; without another only digest it. Ends comparing after `limit` differences.

    Of files of two layouts the columns that both have are compared; a table that the other does not have is not.
    """
    columns = columns_of(one, table)
    digesting = _Digesting(_rows(one, table, columns))
    shared = columns if other is None else tuple(it for it in columns_of(other, table) if it in columns)
    if other is None or not {*table.key} <= {*shared}:
        return Compared(table.name, *digesting.all(), [])
    if len(shared) < len(columns):
        beside = _Digesting(_rows(one, table, shared))
        return Compared(table.name, *digesting.all(), _differences(beside, other, table, shared, limit))
    differences = _differences(digesting, other, table, columns, limit)
    return Compared(table.name, *digesting.all(), differences)


def _differences(
    digesting: _Digesting, other: apsw.Connection, table: Table, columns: tuple[str, ...], limit: int
) -> list[RowDifference]:
    key = [columns.index(name) for name in table.key]
    return [
        RowDifference(table.name, columns, tuple((columns[at], (mine or theirs or ())[at]) for at in key), mine, theirs)
        for mine, theirs in islice(_unequal(digesting, _rows(other, table, columns), key), limit)
    ]


def _rows(connection: apsw.Connection, table: Table, columns: tuple[str, ...]) -> Iterator[Row]:
    if table.prepare:
        for statement in ("PRAGMA query_only=0", table.prepare):  # temporary tables only: the file is open read-only
            connection.execute(statement).fetchall()
    order = "" if table.by_key else f" ORDER BY {', '.join(table.key)}"
    return iter(connection.execute(f"SELECT {', '.join(columns)} FROM {table.source or table.name}{order}"))


class _Digesting:
    """Rows in chunks of one size, digested as they pass."""

    def __init__(self, found: Iterator[Row]) -> None:
        self.count = 0
        self._found = found
        self._hash = hashlib.blake2b(digest_size=16)
        self._encode = msgspec.msgpack.Encoder().encode

    def chunks(self) -> Iterator[list[Row]]:
        while chunk := list(islice(self._found, CHUNK_ROWS)):
            self.count += len(chunk)
            self._hash.update(self._encode(chunk))
            yield chunk

    def all(self) -> tuple[int, str]:
        """Read what is left; return how many rows there were, and their digest."""
        for _ in self.chunks():
            pass
        return self.count, self._hash.hexdigest()


def _unequal(digesting: _Digesting, other: Iterator[Row], key: list[int]) -> Iterator[tuple[Row | None, Row | None]]:
    """Return the rows that differ, side by side; equal chunks, which nearly all are, cost one comparison."""
    theirs: list[Row] = []
    for mine in digesting.chunks():
        theirs += islice(other, max(0, len(mine) - len(theirs)))
        if mine == theirs:
            theirs = []
            continue
        merged = _Merge(mine, theirs, other, key)
        yield from merged.pairs()
        theirs = merged.left
    yield from ((None, row) for row in theirs)
    yield from ((None, row) for row in other)


class _Merge:
    """Two lists of rows in the order of their keys, side by side until the first ends; `left` is then the second's."""

    def __init__(self, mine: list[Row], theirs: list[Row], more: Iterator[Row], key: list[int]) -> None:
        self._mine = mine
        self._theirs = theirs
        self._more = more
        self._key = key
        self.left: list[Row] = []

    def pairs(self) -> Iterator[tuple[Row | None, Row | None]]:
        at = 0
        for row in self._mine:
            while (their := self._at(at)) is not None and self._of(their) < self._of(row):
                yield None, their
                at += 1
            if their is not None and self._of(their) == self._of(row):
                at += 1
                if their != row:
                    yield row, their
            else:
                yield row, None
        self.left = self._theirs[at:]

    def _at(self, place: int) -> Row | None:
        while place >= len(self._theirs):
            more = next(self._more, None)
            if more is None:
                return None
            self._theirs.append(more)
        return self._theirs[place]

    def _of(self, row: Row) -> Row:
        return tuple(row[at] for at in self._key)


def counted(says: str, counts: str, key: str, column: str, counted_rows: str) -> Invariant:
    """Return the invariant that a column of `counts` is, for each key, the number that `counted_rows` (key, n) says."""
    sides = f"SELECT {key}, {column} AS n FROM {counts} UNION ALL SELECT {key}, -n FROM ({counted_rows})"
    return Invariant(says, f"SELECT {key}, sum(n) AS too_many FROM ({sides}) GROUP BY {key} HAVING too_many <> 0")
