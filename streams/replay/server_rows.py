"""Says what of the rows on Scylla or Cassandra is content: what follows from the log, in whichever portions it came.

Some of what stands there does not: on which shelves a topic was listed on its way up; what else a tweet was that is
gone for good, where both were said in one portion; a retweet that was undone before, or after, its original went; and
rows that expire, which are there longer where they were written later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.cql.comparing import Comparison, shape_of
from infra.cql.projection_tables import named
from infra.sqlite.content import RowDifference
from projections.trends.cql_layout import SAID_SECONDS, TWEETS_SECONDS
from projections.trends.read_model import DAYS_KEPT_MS
from streams.replay.verify import MOST_FINDINGS, difference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from infra.cql.comparing import Content, Differing, Key
    from infra.cql.projection_store import CqlProjectionStore
    from infra.cql.session import CqlSession
    from streams.replay.findings import Finding

HOW_IT_CAME = frozenset({"shelves"})
"""Tables that are not compared: they only lead to what is."""

EXPIRE: Mapping[str, tuple[str, int]] = {
    "said": ("day_ms", SAID_SECONDS * 1000),
    "tagged": ("hour_ms", TWEETS_SECONDS * 1000),
    "volumes": ("day_ms", DAYS_KEPT_MS),
}
"""By which column, and for how many milliseconds, rows are kept at least."""
NEARLY_MS = 3_600_000

MOST_SUSPECTS = 20_000
AT_A_TIME = 500


def meaning(table: str, columns: Sequence[str], now_ms: int) -> Callable[[Content], Sequence[Any] | None]:
    """Return what says what of a row of a table is content, and None of a row that says nothing."""
    if table in EXPIRE:
        column, kept_ms = EXPIRE[table]
        return lambda row: _values(row, columns) if row[column] + kept_ms > now_ms + NEARLY_MS else None
    if table == "posts":
        return lambda row: [row[it] if it == "gone" or not row["gone"] else None for it in columns]
    if table == "buried_tweets":
        return lambda row: None if row["removed"] else ()
    return lambda row: _values(row, columns)


def _values(row: Content, columns: Sequence[str]) -> list[Any]:
    return [row[it] for it in columns]


class Rows:
    """The rows of two generations of a projection."""

    def __init__(self, session: CqlSession, store: type[CqlProjectionStore], new: int, other: int, now_ms: int) -> None:
        self.count = 0  # that were compared, of the new one
        self._session = session
        self._store = store
        self._numbers = (new, other)
        self._now_ms = now_ms

    def differences(self, check: str, settling: Callable[[], Callable[[], bool]]) -> list[Finding]:
        """Return the first rows that stay different: `settling` begins a wait; asked, it tells when to look again."""
        found: list[Finding] = []
        for table in self._store.TABLES:
            if table not in HOW_IT_CAME and (comparison := self._comparison(table)) is not None:
                found += [self._finding(table, comparison, it, check) for it in _lasting(comparison, settling)]
                self.count += comparison.rows
        return found

    def _comparison(self, table: str) -> Comparison | None:
        """Return how a table is compared; None where the other generation has none like it."""
        tables = tuple(named(f"{table}{{g}}", it) for it in self._numbers)
        new, other = (shape_of(self._session, it) for it in tables)
        shape = new and other and new.of_both(other)
        if not shape:
            return None
        return Comparison(self._session, (tables[0], tables[1]), shape, meaning(table, shape.values, self._now_ms))

    def _finding(self, table: str, comparison: Comparison, it: Differing, check: str) -> Finding:
        key = comparison.shape.key
        columns = (*key, *comparison.shape.values)
        rows = [None if values is None else (*it.key, *values) for values in (it.one, it.other)]
        return difference(RowDifference(table, columns, tuple(zip(key, it.key, strict=True)), *rows), check)


def _lasting(comparison: Comparison, settling: Callable[[], Callable[[], bool]]) -> list[Differing]:
    """Return the first rows that differ however often they are read: both tables move on, one of them first."""
    lasting: list[Differing] = []
    for keys in _portions(comparison.differing()):
        left, again = comparison.still(keys), settling()
        while left and again():
            left = comparison.still([it.key for it in left])
        lasting += left
        if len(lasting) >= MOST_FINDINGS:
            break
    return lasting[:MOST_FINDINGS]


def _portions(keys: Iterator[Key]) -> Iterator[list[Key]]:
    """Read all keys first: what differs only for a moment is right by the time it is looked at again."""
    suspects = [key for key, _ in zip(keys, range(MOST_SUSPECTS), strict=False)]
    for at in range(0, len(suspects), AT_A_TIME):
        yield suspects[at : at + AT_A_TIME]
