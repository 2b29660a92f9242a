"""The newest records of a partition, kept in memory: what a stream that comes back is told from."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class Kept(NamedTuple):
    """A record: its offset, its key (the author of a tweet), and its bytes."""

    offset: int
    key: int
    value: bytes


class Window:
    """At most `records` of them (and, between two cuts, a quarter more)."""

    def __init__(self, start: int, records: int) -> None:
        self._records = records
        self._base = start
        self._keys = array("q")
        self._values: list[bytes] = []

    @property
    def first(self) -> int:
        """Return the first offset that is kept."""
        return self._base

    @property
    def end(self) -> int:
        """Return the offset that the next record has."""
        return self._base + len(self._values)

    def add(self, offset: int, key: int, value: bytes) -> None:
        """Keep the next record; where offsets were left out (compaction), only what comes from here on."""
        if offset != self.end:
            self._base, self._keys, self._values = offset, array("q"), []
        self._keys.append(key)
        self._values.append(value)
        if (surplus := len(self._values) - self._records) > self._records // 4:
            del self._keys[:surplus]
            del self._values[:surplus]
            self._base += surplus

    def since(self, offset: int) -> Iterator[Kept]:
        """Return the records from an offset on, which must be `first` at least."""
        for at in range(max(0, offset - self._base), len(self._values)):
            yield Kept(self._base + at, self._keys[at], self._values[at])
