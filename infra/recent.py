"""Keeps what was asked for most recently, within a bound, at the cost of a dictionary look-up.

Two generations instead of a linked list: a hit in the old one moves to the young one; when the young one is full it
becomes the old one, and what nobody asked for since then is let go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

V = TypeVar("V")


class Cache(Protocol):
    """What counts how often it was of use."""

    hits: int
    misses: int

    def __len__(self) -> int: ...


class Recent(Generic[V]):
    """A cache of at most `entries` values by id; counts its hits and misses."""

    def __init__(self, entries: int) -> None:
        self._share = entries // 3  # young: one share; old: two at most, when a large put filled the young one
        self._young: dict[int, V] = {}
        self._old: dict[int, V] = {}
        self._told = True
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def take(self, ids: Collection[int]) -> tuple[dict[int, V], list[int]]:
        """Return what is kept of the ids, and the ids that are not kept."""
        young = self._young
        found = {wanted: young[wanted] for wanted in ids if wanted in young}
        missing = []
        if len(found) < len(ids):
            missing = [wanted for wanted in ids if wanted not in found and not self._promote(wanted, found)]
            self._turn()
        self.hits += len(found)
        self.misses += len(missing)
        return found, missing

    def _promote(self, wanted: int, found: dict[int, V]) -> bool:
        value = self._old.pop(wanted, None)
        if value is None:
            return False
        self._young[wanted] = found[wanted] = value
        return True

    def put(self, values: dict[int, V]) -> None:
        """Keep the values."""
        if self._told:
            self._young.update(values)
            self._turn()

    def drop(self, ids: Iterable[int]) -> None:
        """Keep the ids no longer."""
        for gone in ids:
            self._young.pop(gone, None)
            self._old.pop(gone, None)

    def rely(self, told: bool) -> None:
        """Keep nothing while nobody tells what changed."""
        if not told:
            self.clear()
        self._told = told

    def anew(self) -> Recent[V]:
        """Return an empty one in place of this one, which counts on."""
        other: Recent[V] = Recent(0)
        other._share, other.hits, other.misses = self._share, self.hits, self.misses
        return other

    def clear(self) -> None:
        """Keep nothing."""
        self._young.clear()
        self._old.clear()

    def _turn(self) -> None:
        if len(self._young) > self._share:
            self._old = self._young if len(self._young) <= 2 * self._share else {}
            self._young = {}
