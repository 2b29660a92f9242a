"""Compares the tables of two generations row by row, while both may be written.

Both are read once, in the order of tokens, side by side, as Scylla and Cassandra keep them: some 10 µs a row. What
differs then may only be a moment behind in one of the two, so it is the caller who asks again (`still`).
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from infra.cql.calls import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from infra.cql.calls import Row
    from infra.cql.session import CqlSession

_COLUMNS = "SELECT column_name, kind, position FROM system_schema.columns WHERE keyspace_name = ? AND table_name = ?"

Key = tuple[Any, ...]
Content = dict[str, Any]


class Shape(NamedTuple):
    """The columns of a table: `partition` and `clustering` are its key, in order."""

    partition: tuple[str, ...]
    clustering: tuple[str, ...]
    values: tuple[str, ...]

    @property
    def key(self) -> tuple[str, ...]:
        """What names a row."""
        return (*self.partition, *self.clustering)

    def of_both(self, other: Shape) -> Shape | None:
        """Return what two versions of a table have in common; None where their rows are named otherwise."""
        if self.key != other.key or self.partition != other.partition:
            return None
        return self._replace(values=tuple(it for it in self.values if it in other.values))


class Differing(NamedTuple):
    """A row that two tables do not have alike; None where one has none of this key."""

    key: Key
    one: Key | None
    other: Key | None


def shape_of(session: CqlSession, table: str) -> Shape | None:
    """Read the columns of a table; None where there is none of this name."""
    found = session.run(_COLUMNS, (session.keyspace, table))
    kinds: dict[str, list[tuple[int, str]]] = {}
    for name, kind, position in found:
        kinds.setdefault(kind, []).append((position, name))
    each = (tuple(name for _, name in sorted(kinds.get(it, ()))) for it in ("partition_key", "clustering", "regular"))
    return Shape(*each) if found else None


class Comparison:
    """Two tables of one shape. `means` says what of a row is content, and None of one that says nothing."""

    def __init__(
        self,
        session: CqlSession,
        tables: tuple[str, str],
        shape: Shape,
        means: Callable[[Content], Sequence[Any] | None],
    ) -> None:
        self.shape = shape
        self.rows = 0  # of the first, as far as they were read
        self._session = session
        self._tables = tables
        self._means = means
        self._columns = (*shape.key, *shape.values)

    def differing(self) -> Iterator[Key]:
        """Read both tables once; yield the keys of the rows that are not alike."""
        one, other = (self._partitions(table) for table in self._tables)
        left, right = next(one, None), next(other, None)
        while left is not None or right is not None:
            first = min(it[0] for it in (left, right) if it is not None)
            ours = left[1] if left is not None and left[0] == first else {}
            theirs = right[1] if right is not None and right[0] == first else {}
            self.rows += len(ours)
            yield from (key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key))
            left = next(one, None) if left is not None and left[0] == first else left
            right = next(other, None) if right is not None and right[0] == first else right

    def still(self, keys: Collection[Key]) -> list[Differing]:
        """Read these rows again, of both tables at once; return those that are not alike."""
        where = " AND ".join(f"{it} = ?" for it in self.shape.key)
        columns = ", ".join(self._columns)
        calls = [
            Call(f"SELECT {columns} FROM {table} WHERE {where}", key) for key in keys for table in self._tables
        ]  # side by side: of a row that is written all the time the two answers are to be of one moment
        answers = [self._content(rows) for rows in self._session.run_all(calls)]
        each = (Differing(key, answers[2 * at].get(key), answers[2 * at + 1].get(key)) for at, key in enumerate(keys))
        return [it for it in each if it.one != it.other]

    def _partitions(self, table: str) -> Iterator[tuple[int, dict[Key, Key]]]:
        token = f"token({', '.join(self.shape.partition)})"
        found = self._session.scan(f"SELECT {token}, {', '.join(self._columns)} FROM {table}")
        for place, rows in groupby(found, itemgetter(0)):
            yield place, self._content([row[1:] for row in rows])

    def _content(self, rows: Sequence[Row]) -> dict[Key, Key]:
        size, content = len(self.shape.key), {}
        for row in rows:
            said = self._means(dict(zip(self._columns, row, strict=True)))
            if said is not None:
                content[tuple(row[:size])] = tuple(said)
        return content
