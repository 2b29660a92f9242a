"""When home timelines are pulled instead of read."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from infra.log.port import TopicPartition
from infra.projections import StoreUnavailableError
from query_api.home_timeline import fallback
from query_api.home_timeline.fallback import HomeTimelines, Watch

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

PLACE, OTHER = TopicPartition("tweets", 0), TopicPartition("tweets", 1)


class HandFedProgress:
    def __init__(self) -> None:
        self.why = ""
        self.of: dict[str, Mapping[TopicPartition, int]] = {}

    def said(self, home: dict[TopicPartition, int], tweets: dict[TopicPartition, int]) -> HandFedProgress:
        self.of = {"home_timeline": home, "tweets": tweets, "graph": {}}
        return self

    def checkpoints(self, projection: str) -> Mapping[TopicPartition, int] | None:
        return self.of.get(projection)

    def reason(self, projection: str) -> str:
        return self.why if projection == "home_timeline" else ""


class Pages:
    """Home timelines of one tweet, or none at all."""

    def __init__(self, tweet_id: int) -> None:
        self.tweet_id = tweet_id
        self.away = False

    def page(self, viewer_id: int, max_id: int | None, limit: int) -> list[int]:
        if self.away:
            raise StoreUnavailableError("away")
        return [self.tweet_id, viewer_id, max_id or 0][:limit]

    def checkpoints(self) -> dict[TopicPartition, int]:
        return {}


def test_a_store_that_keeps_up_is_read() -> None:
    watch = Watch(HandFedProgress().said({PLACE: 90}, {PLACE: 100}))
    assert not watch.pulls()
    assert not Watch(HandFedProgress()).pulls()  # nothing is known yet, and nothing was said


def test_a_store_that_was_emptied_is_read_again_when_it_is_where_it_was_to_be() -> None:
    known = HandFedProgress().said({PLACE: 100, OTHER: 7}, {PLACE: 100, OTHER: 7})
    watch = Watch(known)
    assert not watch.pulls()
    known.said({}, {PLACE: 100, OTHER: 7})
    assert watch.pulls()
    known.said({PLACE: 60}, {PLACE: 101, OTHER: 7})
    assert watch.pulls()
    known.said({PLACE: 101, OTHER: 6}, {PLACE: 102, OTHER: 7})
    assert watch.pulls()
    known.said({PLACE: 101, OTHER: 7}, {PLACE: 103, OTHER: 7})
    assert not watch.pulls()


def test_a_store_that_went_back_is_not_read_until_it_is_where_it_was() -> None:
    known = HandFedProgress().said({PLACE: 100}, {PLACE: 100})
    watch = Watch(known)
    assert not watch.pulls()
    known.said({PLACE: 40}, {PLACE: 100})
    assert watch.pulls()
    known.said({PLACE: 99}, {PLACE: 100})
    assert watch.pulls()
    known.said({PLACE: 100}, {PLACE: 110})
    assert not watch.pulls()


def test_a_store_that_is_far_behind_is_read_again_when_it_is_near() -> None:
    far, near = fallback.FAR_RECORDS, fallback.NEAR_RECORDS
    known = HandFedProgress().said({PLACE: 1}, {PLACE: far + 2})
    watch = Watch(known)
    assert watch.pulls()
    known.said({PLACE: far + 2}, {PLACE: far + near + 3})
    assert watch.pulls()
    known.said({PLACE: far + 3}, {PLACE: far + near + 3})
    assert not watch.pulls()


def test_nobody_sees_a_store_that_fails_and_it_is_asked_again_after_the_next_look() -> None:
    known = HandFedProgress().said({PLACE: 1}, {PLACE: 1})
    pushed, pulled = Pages(1), Pages(2)
    timelines = HomeTimelines(pushed, pulled, Watch(known))
    assert timelines.page(7, None, 1) == [1]
    pushed.away = True
    assert timelines.page(7, None, 1) == [2]
    pushed.away = False
    assert timelines.page(7, None, 1) == [2]
    known.said({PLACE: 1}, {PLACE: 1})
    assert timelines.page(7, None, 1) == [1]


def test_it_is_said_once_that_timelines_are_pulled_and_once_that_they_are_not(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fallback, "TOLD_AFTER_S", -1.0)
    caplog.set_level(logging.INFO)
    known = HandFedProgress().said({PLACE: 1}, {PLACE: 1})
    watch = Watch(known)
    known.why = "Redis does not answer (StoreUnavailableError)"
    assert [watch.pulls() for _ in range(5)] == [True] * 5
    known.said({PLACE: 1}, {PLACE: 1}).why = ""
    assert [watch.pulls() for _ in range(5)] == [False] * 5
    messages = [record.getMessage() for record in caplog.records]
    assert messages == ["home timelines are pulled", "home timelines are read from their store again"]
