"""What every backend of the graph promises."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from projections.graph.read_model import Aversions, Edge, FollowCounts, GraphReader, Hidden, Relation
from schemas.follows.events import Blocked, Muted, Unblocked, Unmuted
from tests.builders import envelope, followed, unfollowed
from tests.contract.backends import BACKENDS, Kept

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=BACKENDS["graph"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept[GraphReader]]:
    with closing(Kept[GraphReader](BACKENDS["graph"][request.param], tmp_path / "g1.db")) as it:
        yield it


def test_lists_are_newest_first_and_equal_times_by_id(kept: Kept[GraphReader]) -> None:
    kept.say_at_once(followed(1, 9, 5), followed(2, 9, 7), followed(3, 9, 7), followed(4, 9, 6), followed(9, 1, 1))
    newest = [Edge(7, 3), Edge(7, 2), Edge(6, 4), Edge(5, 1)]
    assert kept.reader.followers(9, None, 10) == newest
    assert kept.reader.followers(9, newest[0], 2) == newest[1:3]
    assert kept.reader.followers(9, newest[-1], 2) == []
    assert kept.reader.following(9, None, 10) == [Edge(1, 1)]
    assert kept.reader.following(3, None, 10) == [Edge(7, 9)]


def test_pages_of_following_cut_between_equal_times(kept: Kept[GraphReader]) -> None:
    kept.say_at_once(*(followed(1, target, 7) for target in (2, 3, 4)))
    assert kept.reader.following(1, Edge(7, 4), 1) == [Edge(7, 3)]
    assert kept.reader.following(1, Edge(7, 3), 5) == [Edge(7, 2)]


def test_a_follow_said_again_keeps_its_first_time(kept: Kept[GraphReader]) -> None:
    kept.say(followed(1, 2, 5), followed(1, 2, 9))
    assert kept.reader.followers(2, None, 10) == [Edge(5, 1)]
    assert kept.reader.counts([1, 2]) == {1: FollowCounts(0, 1), 2: FollowCounts(1, 0)}


@pytest.mark.parametrize("at_once", [False, True])
def test_a_follow_after_an_unfollow_has_the_later_time(kept: Kept[GraphReader], at_once: bool) -> None:
    events = [followed(1, 2, 5), unfollowed(1, 2, 6), followed(1, 2, 9), followed(1, 2, 10)]
    if at_once:
        kept.say_at_once(*events)
    else:
        kept.say(*events)
    assert kept.reader.followers(2, None, 10) == [Edge(9, 1)]
    assert kept.reader.counts([2]) == {2: FollowCounts(1, 0)}


def test_whom_the_viewer_follows_is_told_of_many_at_once(kept: Kept[GraphReader]) -> None:
    kept.say_at_once(*(followed(1, target) for target in range(2, 300, 2)), unfollowed(1, 4), followed(4, 1))
    assert kept.reader.followed(1, range(2, 300)) == set(range(2, 300, 2)) - {4}
    assert kept.reader.followed(1, []) == kept.reader.followed(9, [2]) == set()


def test_an_unfollow_of_nobody_counts_nothing(kept: Kept[GraphReader]) -> None:
    kept.say(unfollowed(1, 2), followed(3, 2), unfollowed(3, 2), unfollowed(3, 2))
    assert kept.reader.counts([1, 2, 3]).get(2, FollowCounts(0, 0)) == FollowCounts(0, 0)
    assert kept.reader.followers(2, None, 10) == []


def test_a_relation_is_told_from_each_side(kept: Kept[GraphReader]) -> None:
    kept.say_at_once(followed(1, 2), Blocked(envelope(), 3, 1), Muted(envelope(), 1, 2))
    expected = Relation(following=True, followed_by=False, blocking=False, blocked_by=False, muting=True)
    assert kept.reader.relation(1, 2) == expected
    assert kept.reader.relation(2, 1) == Relation(
        following=False, followed_by=True, blocking=False, blocked_by=False, muting=False
    )
    assert kept.reader.relation(1, 3).blocked_by
    assert kept.reader.relation(3, 1).blocking


def test_aversions_are_told_each_way_by_itself(kept: Kept[GraphReader]) -> None:
    kept.say_at_once(Blocked(envelope(), 1, 2), Blocked(envelope(), 2, 1), Blocked(envelope(), 3, 1))
    kept.say_at_once(Muted(envelope(), 1, 2), Muted(envelope(), 4, 1))
    assert kept.reader.aversions(1) == Aversions(frozenset({2}), frozenset({2, 3}), frozenset({2}))
    kept.say(Unblocked(envelope(), 1, 2), Unmuted(envelope(), 1, 2))
    assert kept.reader.aversions(1) == Aversions(frozenset(), frozenset({2, 3}), frozenset())
    assert kept.reader.aversions(2) == Aversions(frozenset({1}), frozenset(), frozenset())


def test_hidden_are_the_blocked_of_both_sides_and_the_muted(kept: Kept[GraphReader]) -> None:
    kept.say_at_once(Blocked(envelope(), 1, 2), Blocked(envelope(), 3, 1), Muted(envelope(), 1, 4))
    assert kept.reader.hidden(1) == Hidden(frozenset({2, 3}), frozenset({4}))
    assert kept.reader.hidden(4) == Hidden(frozenset(), frozenset())
    kept.say(Unblocked(envelope(), 1, 2), Unmuted(envelope(), 1, 4))
    assert kept.reader.hidden(1) == Hidden(frozenset({3}), frozenset())
