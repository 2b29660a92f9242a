"""Compares home timelines as readers see them: how they are kept depends on the order of reading, pages do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.sqlite.connections import rows
from streams.replay.findings import LIVE, Finding, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    import apsw

    from projections.home_timeline.read_model import HomeTimelineReader

PAGE_ENTRIES = 1_000  # beyond the cap of 800, so that what is pulled below it is compared, too
READERS_COMPARED = 500

_READERS = "SELECT reader_id FROM follows GROUP BY reader_id"


def readers_of(connection: apsw.Connection, turn: int = 0) -> list[int]:
    """Return accounts that follow somebody, evenly spread over all of them."""
    found = [row[0] for row in rows(connection, _READERS)]
    step = max(1, len(found) // READERS_COMPARED)
    return found[turn % step :: step]


def page_differences(
    readers: list[int], new: HomeTimelineReader, live: HomeTimelineReader, beside: str = LIVE
) -> Iterator[Finding]:
    """Compare the home timelines of these accounts."""
    for reader_id in readers:
        expected, found = (it.page(reader_id, None, PAGE_ENTRIES) for it in (live, new))
        if expected == found:
            continue
        at = next((at for at, both in enumerate(zip(expected, found, strict=False)) if both[0] != both[1]), None)
        at = min(len(expected), len(found)) if at is None else at
        ids = [page[at] for page in (expected, found) if at < len(page)]
        wanted, told = (shown(page[at] if at < len(page) else None) for page in (expected, found))
        yield Finding(beside, "home timeline of", f"{reader_id}, entry {at}", wanted, told, tuple(ids))
