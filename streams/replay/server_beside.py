"""Compares two generations on servers, both of which may move on: row by row, page by page, or by what is answered.

Rows on Scylla or Cassandra are all compared. Home timelines, which may be kept differently, are compared by the pages
of 500 readers, 1,000 entries deep; search by the answers to what is asked of a sample. What differs may only be a
moment behind: it is asked again until it is alike, or has had its time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from infra.clock import SystemClock
from projections.home_timeline import read_model as home_timeline
from streams.replay.pages import READERS_COMPARED, page_differences
from streams.replay.server_rows import Rows
from streams.replay.verify import MOST_FINDINGS
from streams.server_stores import CQL_STORES

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.replay.findings import Finding
    from streams.replay.hearing import Hearing
    from streams.replay.servers import OnServers

SETTLED_SECONDS = 10.0  # an index shows what it was given after a second; a projection is behind for a moment
LOOK_SECONDS = 0.5


class Difference(NamedTuple):
    """How many rows were compared (0: not by rows), and the first things that are not alike."""

    rows: int
    findings: list[Finding]


class Beside:
    """One generation of a projection, which is checked, beside another; `move` brings on what nobody else does."""

    def __init__(
        self,
        servers: OnServers,
        projection: str,
        checked: int,
        other: int,
        hearing: Hearing,
        move: Callable[[], None] = lambda: None,
    ) -> None:
        self._servers = servers
        self._projection = projection
        self._numbers = (checked, other)
        self._hearing = hearing
        self._move = move

    def differences(self, check: str) -> Difference:
        """Return what stays different; `check` is how that is called."""
        if (store := CQL_STORES.get(self._projection)) is not None:
            rows = Rows(self._servers.rows, store, *self._numbers, SystemClock().now_ms())
            return Difference(rows.count, rows.differences(check, self._settling))._replace(rows=rows.count)
        if self._projection == home_timeline.PROJECTION:
            return Difference(0, self._pages(check))
        return Difference(0, self._answers(check))

    def _settling(self) -> Callable[[], bool]:
        give_up_at = time.monotonic() + SETTLED_SECONDS

        def again() -> bool:
            if time.monotonic() > give_up_at:
                return False
            time.sleep(LOOK_SECONDS)  # stream workers tell nobody how far they are
            self._move()
            return True

        return again

    def _readers(self) -> tuple[Any, Any]:
        checked, other = (self._servers.reader(self._projection, it) for it in self._numbers)
        return checked, other

    def _pages(self, check: str) -> list[Finding]:
        checked, other = self._readers()
        of = self._servers.timeline_readers(self._numbers[1])
        step = max(1, len(of) // READERS_COMPARED)
        left, again = of[sum(self._numbers) % step :: step], self._settling()
        while True:
            left = [it for it in left if any(page_differences([it], checked, other))]
            if not left or not again():
                return list(page_differences(left[:MOST_FINDINGS], checked, other, check))

    def _answers(self, check: str) -> list[Finding]:
        checked, other = self._readers()
        again = self._settling()
        while True:
            theirs = {(it.what, it.key): it for it in self._hearing.recount.differences(other)}
            ours = {(it.what, it.key): it for it in self._hearing.recount.differences(checked)}
            differing = [
                finding._replace(check=check, expected=_found(theirs.get(place)), found=_found(ours.get(place)))
                for place, finding in (theirs | ours).items()
                if _found(theirs.get(place)) != _found(ours.get(place))
            ]
            if not differing or not again():
                return differing[:MOST_FINDINGS]


def _found(finding: Finding | None) -> str:
    """Return what was answered; where nothing differs from the log, that."""
    return "as the log says" if finding is None else finding.found
