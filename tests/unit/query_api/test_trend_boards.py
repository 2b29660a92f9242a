"""Boards: made anew every few seconds, what is past once a quarter of an hour, and never more than so much kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from projections.trends.read_model import HOUR_MS, STEP_MS, Point, Volume
from query_api.trends import board
from query_api.trends.board import KEPT_MS, Boards, Judge
from query_api.trends.score import Past

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import pytest

    from infra.log.port import TopicPartition
    from projections.trends.read_model import Order

NOW = 1_000 * HOUR_MS
PAST = Past(24.0, 48, 3.0)
JUDGE = Judge(PAST, PAST, frozenset({"denied"}))


class Reader:
    """Remembers what it was asked; every hour has the same topics, of which the first is new in each."""

    def __init__(self) -> None:
        self.windows: list[int] = []
        self.asked: list[tuple[int, int]] = []

    def window(self, place: int, began_ms: int, limit: int) -> list[Volume]:  # noqa: ARG002 - the port's
        self.windows.append(began_ms)
        return [Volume(f"new{len(self.windows)}", 90, 90), Volume("denied", 70, 70), Volume("tea", 60, 50)][:limit]

    def hours(self, place: int, topics: Collection[str], since_ms: int, until_ms: int) -> dict[str, list[Point]]:
        self.asked.append((place, len(topics)))
        return {topic: [Point(until_ms - HOUR_MS if since_ms % HOUR_MS else since_ms, 9, 9)] for topic in topics}

    def days(self, place: int, topics: Collection[str], since_ms: int, until_ms: int) -> dict[str, list[Point]]:
        raise NotImplementedError

    def top_of_day(self, place: int, day_ms: int, order: Order, limit: int) -> list[Volume]:
        raise NotImplementedError

    def tweets(self, topic: str, since_ms: int, limit: int) -> list[int]:
        raise NotImplementedError

    def checkpoints(self) -> Mapping[TopicPartition, int]:
        return {}


def test_whoever_asks_within_some_seconds_is_told_the_same() -> None:
    reader, boards = Reader(), Boards(JUDGE)
    first = boards.of(reader, 1, NOW)
    assert boards.of(reader, 1, NOW + KEPT_MS - 1) is first
    assert boards.of(reader, 1, NOW + KEPT_MS) is not first
    assert boards.of(reader, 2, NOW) is not first
    assert [trend.topic for trend in first.trends] == ["new2", "tea"]
    assert [trend.rank_change for trend in first.trends] == [None, 0]


def test_a_board_is_of_the_generation_that_is_read() -> None:
    boards = Boards(JUDGE)
    assert boards.of(Reader(), 1, NOW) is not boards.of(Reader(), 1, NOW)


def test_what_is_past_is_worked_out_once_a_quarter() -> None:
    reader, boards = Reader(), Boards(JUDGE)
    for seconds in range(0, 15 * 60, 60):
        boards.of(reader, 1, NOW + seconds * 1000)
    earlier = NOW - HOUR_MS  # the window that ended as this quarter began
    assert reader.windows.count(earlier) == 1
    assert reader.windows.count(earlier + STEP_MS) == 15
    past = [count for _, count in reader.asked[3:]]
    assert past == [1, 2] * 14  # the one new topic's past, and the line of each that is shown
    boards.of(reader, 1, NOW + STEP_MS)
    assert reader.windows[-2:] == [earlier + STEP_MS, earlier + 2 * STEP_MS]


def test_whatever_is_posted_and_asked_for_no_more_than_so_much_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "EXPECTED_KEPT", 20)
    reader, boards = Reader(), Boards(JUDGE)
    for place in range(board.PLACES_KEPT * 2):
        for seconds in range(0, 300, 5):
            boards.of(reader, place, NOW + seconds * 1000)
    made = boards._boards
    assert len(made._kept) <= board.PLACES_KEPT
    assert len(made._past) <= board.PLACES_KEPT
    assert max(len(past.expected) for past in made._past.values()) <= 20
