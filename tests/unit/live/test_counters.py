"""Counters: which tweets are due, and that nothing done meanwhile is forgotten."""

from __future__ import annotations

from infra.log.port import TopicPartition
from query_api.live.counters import Counters
from query_api.live.index import Stream, Viewer, Wanted

PLACE, OTHER = TopicPartition("engagements", 0), TopicPartition("tweets", 1)


class Nowhere:
    """A sink."""

    def send(self, message: object) -> bool:
        del message
        return True

    def is_stuck(self) -> bool:
        return False

    def close(self, reason: str) -> None:
        del reason


def watching(*tweet_ids: int) -> tuple[Counters, Stream]:
    counters, stream = Counters(), Stream(Viewer(1, 0), Wanted(1, 1), Nowhere())
    counters.watch(stream, tweet_ids)
    return counters, stream


def test_a_tweet_is_due_once_what_was_done_to_it_is_applied() -> None:
    counters, _ = watching(7, 8)
    counters.touch((7, 9), PLACE, 4)
    counters.touch((7,), OTHER, 2)
    assert counters.due({PLACE: 5, OTHER: 2}) == {}
    due = counters.due({PLACE: 5, OTHER: 3})
    assert due == {7: {PLACE: 5, OTHER: 3}}
    counters.done(due)
    assert counters.due({PLACE: 9, OTHER: 9}) == {}


def test_what_is_done_while_counts_are_read_is_not_forgotten() -> None:
    counters, _ = watching(7)
    counters.touch((7,), PLACE, 4)
    due = counters.due({PLACE: 5})
    counters.touch((7,), PLACE, 5)
    counters.done(due)
    assert counters.due({PLACE: 6}) == {7: {PLACE: 6}}


def test_what_nobody_watches_leaves_nothing() -> None:
    counters, stream = watching(7, 8)
    counters.touch((7, 8), PLACE, 4)
    counters.unwatch(stream, (7, 8, 9))
    assert (counters.watched, counters.due({PLACE: 9}), stream.counters) == ({}, {}, frozenset())
