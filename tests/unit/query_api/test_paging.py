from __future__ import annotations

from typing import TYPE_CHECKING

from query_api import paging
from query_api.paging import Steps, fill, nothing

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest


def countdown(before: int | None, limit: int) -> list[int]:
    top = 1_000 if before is None else before
    return list(range(top - 1, max(-1, top - 1 - limit), -1))


def every_hundredth(rows: Sequence[int], _: None) -> list[tuple[int, int]]:
    return [(row, row) for row in rows if row % 100 == 0]


def test_a_page_is_filled_from_far_below() -> None:
    page = fill(Steps(countdown, nothing, every_hundredth), None, 3)
    assert (page.items, page.next) == ([900, 800, 700], 700)


def test_reads_grow_while_little_shows() -> None:
    asked: list[int] = []

    def skeleton(before: int | None, limit: int) -> list[int]:
        asked.append(limit)
        return countdown(before, limit)

    fill(Steps(skeleton, nothing, every_hundredth), None, 10)
    assert asked == sorted(asked)
    assert len(asked) < 12


def test_a_search_that_finds_nothing_for_very_long_stops_and_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST_ROWS_PER_PAGE", 150)
    found: list[int] = []
    before = None
    while True:
        page = fill(Steps(countdown, nothing, every_hundredth), before, 3)
        found += page.items
        if page.next is None:
            break
        assert before is None or page.next < before
        before = page.next
    assert found == list(range(900, -1, -100))
