"""A store that was emptied behind its process's back is noticed; one that goes on is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.log.port import Span, TopicPartition
from streams.watched import WatchedStore

if TYPE_CHECKING:
    from collections.abc import Sequence

PLACE = TopicPartition("follows", 0)


class Store:
    def __init__(self) -> None:
        self.next: dict[TopicPartition, int] = {}

    def checkpoints(self) -> dict[TopicPartition, int]:
        return dict(self.next)

    def apply(self, writes: Sequence[Any], span: Span) -> None:
        del writes
        self.next[PLACE] = span.end

    def close(self) -> None:
        self.next.clear()


def test_a_store_that_was_emptied_is_found_without_a_record_to_apply() -> None:
    store = Store()
    watched = WatchedStore(store)
    watched.apply([], Span(*PLACE, 0, 5))
    assert watched.lost() is None
    store.next.clear()
    assert watched.lost() == PLACE


def test_a_store_that_another_worker_moves_on_has_lost_nothing() -> None:
    store = Store()
    watched = WatchedStore(store)
    watched.apply([], Span(*PLACE, 0, 5))
    store.next[PLACE] = 9
    assert watched.lost() is None


def test_what_is_applied_during_the_look_is_not_missed_by_it() -> None:
    class Moving(Store):
        def checkpoints(self) -> dict[TopicPartition, int]:
            before = super().checkpoints()
            if before:
                watched.apply([], Span(*PLACE, 5, 8))
            return before

    watched = WatchedStore(Moving())
    watched.apply([], Span(*PLACE, 0, 5))
    assert watched.lost() is None
