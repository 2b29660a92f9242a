"""Lists that are read newest first, in buckets that grow in number with the list.

A bucket holds one segment (see infra.cql.cells) of each of PARTITIONS_EACH partitions of the log: a short list is one
bucket, and none grows beyond SEGMENT_ROWS rows of each, 64 K. A page is merged from all buckets of its list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from infra.cql.calls import Call
from infra.cql.cells import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from infra.cql.calls import Row
    from infra.cql.cells import Segments
    from infra.cql.session import CqlSession

PARTITIONS_EACH = 8
SEGMENT_ROWS = 8_192
FIRST = 0
"""The bucket that every list has."""
_GROUPS = 128  # of partitions: a topic has at most 1024
_SPARE_ROWS = 10  # read beyond a page, for rows that do not stand any more

Place = tuple[int, int]
"""What a list is ordered by: a time and an id."""


def bucket_of(segments: Segments | None, since: int, partition: int) -> int:
    """Return the bucket of the row that began to stand at an offset of a partition."""
    return (segments or WHOLE).of(since) * _GROUPS + partition // PARTITIONS_EACH


def buckets_of(cut: Iterable[tuple[str, Sequence[int] | None]]) -> list[int]:
    """Return the buckets of a list, beside FIRST, given each source's name and where its segments began."""
    found = {
        segment * _GROUPS + int(source.rpartition(":")[2]) // PARTITIONS_EACH
        for source, starts in cut
        for segment in range(len(starts or ()) + 1)
    }
    return sorted(found - {FIRST})


class Bucketed:
    """Reads a list that has buckets: the first one together with the answer to how many others there are.

    `statement` selects (time, id, stands) given (of, bucket, *below, rows), `cut` selects what `buckets_of` takes.
    """

    def __init__(self, session: CqlSession, statement: str, cut: str, of: int) -> None:
        self._session = session
        self._statement = statement
        self._cut = Call(cut, (of,))
        self._of = of
        self._buckets: list[int] = []

    def read(self, below: Place, rows: int) -> list[list[Row]]:
        """Return at most so many rows of each bucket, newest first."""
        if self._buckets:
            return self._session.run_all(self._slice(bucket, below, rows) for bucket in self._buckets)
        cut, first = self._session.run_all([self._cut, self._slice(FIRST, below, rows)])
        others = buckets_of((row[0], row[1]) for row in cut)
        self._buckets = [FIRST, *others]
        return [first, *self._session.run_all(self._slice(bucket, below, rows) for bucket in others)]

    def _slice(self, bucket: int, below: Place, rows: int) -> Call:
        return Call(self._statement, (self._of, bucket, *below, rows))


class Whole:
    """Reads a list that is one partition: `statement` selects (time, id, stands) given (of, *below, rows)."""

    def __init__(self, session: CqlSession, statement: str, of: int) -> None:
        self._session = session
        self._statement = statement
        self._of = of

    def read(self, below: Place, rows: int) -> list[list[Row]]:
        """Return at most so many rows, newest first."""
        return [self._session.run(self._statement, (self._of, *below, rows))]


class Slices(Protocol):
    """A list that can be read from a place on."""

    def read(self, below: Place, rows: int) -> Sequence[Sequence[Row]]:
        """Return at most so many rows of each bucket, newest first."""


def newest(source: Slices, below: Place, limit: int) -> list[Place]:
    """Return the rows of a list below that place that stand, newest first."""
    page: list[Place] = []
    rows = limit + _SPARE_ROWS
    place: Place | None = below
    while place is not None and len(page) < limit:
        standing, place = _merged(source.read(place, rows), rows)
        page += standing
    return page[:limit]


def _merged(slices: Iterable[Sequence[Row]], rows: int) -> tuple[list[Place], Place | None]:
    """Return what stands, down to where the first slice that is not its bucket's last ends, and that place."""
    found = list(slices)
    end = max(((it[-1][0], it[-1][1]) for it in found if len(it) == rows), default=None)
    standing = {(at, of) for it in found for at, of, stands in it if stands and (end is None or (at, of) >= end)}
    return sorted(standing, reverse=True), end
