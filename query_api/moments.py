"""The read models as of a moment: frozen generations, found by their time, opened when asked for, a few at a time.

A generation is of a moment where it was built `--until` exactly that time, by this program's version of its store: the
nearest one would be another answer. What all of a moment's projections say is then of one time, however long after one
another they were built, because each partition of the log was read up to that time.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

from infra.clock import rfc3339
from infra.generations.record import State
from query_api.errors import NoSuchMomentError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from query_api.home_timeline.pulled import Together
    from query_api.stores import Stores
    from query_api.trends.board import Boards

MOST_OPEN = 12
"""Three moments of four projections, each some 2 MB; who asks for more has them opened again, in a millisecond."""


class Frozen(NamedTuple):
    """How frozen generations are opened; `versions`: of the stores whose generations can be read, by projection.

    `open` takes a projection and a number, and returns nothing where that generation is gone; `together` runs reads of
    theirs that do not need each other.
    """

    versions: Mapping[str, int]
    open: Callable[[str, int], Any]
    together: Together


class Moments:
    """Opens them. A reader that is let go of closes with the last request that reads by it."""

    def __init__(self, frozen: Frozen, stores: Stores, boards: Boards) -> None:
        """Find them in the records that stores follow; `boards` are of moments alone."""
        self._frozen = frozen
        self._record = stores.record
        self._open: OrderedDict[tuple[str, int], Any] = OrderedDict()
        self.together = frozen.together
        self.boards = boards
        stores.followers.append(self.tidy)

    def __len__(self) -> int:
        return len(self._open)

    def at(self, at_ms: int, projections: Sequence[str]) -> dict[str, Any]:
        """Return the readers, by projection; raises NoSuchMomentError, which says what would build them."""
        found = {name: self._reader(name, at_ms) for name in projections}
        missing = [name for name, reader in found.items() if reader is None]
        if missing:
            raise NoSuchMomentError(rfc3339(at_ms), missing)
        return found

    def _reader(self, projection: str, at_ms: int) -> Any:
        number = self._number(projection, at_ms)
        if number is None:
            return None
        place = projection, number
        reader = self._open.get(place) or self._frozen.open(projection, number)
        if reader is not None:
            self._open[place] = reader
            self._open.move_to_end(place)
            if len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)
        return reader

    def _number(self, projection: str, at_ms: int) -> int | None:
        record, version = self._record(projection), self._frozen.versions.get(projection)
        if record is None or version is None:
            return None
        numbers = [
            it.number
            for it in record.generations
            if it.state is State.FROZEN and it.until_ms == at_ms and it.is_of(version)
        ]
        return max(numbers, default=None)

    def tidy(self) -> None:
        """Let go of what was dropped, so that its space is free."""
        for projection, number in list(self._open):
            record = self._record(projection)
            found = None if record is None else record.get(number)
            if found is None or found.state is not State.FROZEN:
                del self._open[projection, number]

    def close(self) -> None:
        """Let go of all."""
        self._open.clear()
