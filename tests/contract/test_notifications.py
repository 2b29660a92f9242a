"""What every backend of notifications promises."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from projections.notifications.read_model import (
    DAY_MS,
    MINUTE_MS,
    Did,
    Entry,
    Group,
    Kind,
    NotificationsReader,
    Wishes,
)
from schemas.ids import MAX_ID
from schemas.notifications.events import NotificationsRead, NotificationsSwitched
from tests.builders import (
    EPOCH_MS,
    envelope,
    followed,
    liked,
    posted,
    retweet_undone,
    retweeted,
    unfollowed,
    unliked,
)
from tests.contract.backends import BACKENDS, Kept

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ME, TWEET = 1, (10, 1)  # id, author
START = EPOCH_MS - EPOCH_MS % DAY_MS
DAY = START // DAY_MS
FIRST_MINUTE = START // MINUTE_MS


@pytest.fixture(params=BACKENDS["notifications"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept[NotificationsReader]]:
    with closing(Kept[NotificationsReader](BACKENDS["notifications"][request.param], tmp_path / "g1.db")) as it:
        yield it


def at(minute: int) -> int:
    return START + minute * MINUTE_MS


def entry(minute: int, tweet_id: int, kind: int) -> Entry:
    return Entry(FIRST_MINUTE + minute, tweet_id, kind)


LIKES = Group(Kind.LIKE, 10, DAY)


def test_there_is_an_entry_a_minute_and_group(kept: Kept[NotificationsReader]) -> None:
    kept.say_at_once(
        liked(2, TWEET, at(0)), liked(3, TWEET, at(0) + 1), liked(4, TWEET, at(2)), liked(2, (11, 1), at(2))
    )
    kept.say(followed(2, ME, at(3)), retweeted(3, 30, TWEET, at(3)))
    assert kept.reader.entries(ME, None, 10) == [
        entry(3, 10, Kind.RETWEET),
        entry(3, 0, Kind.FOLLOW),
        entry(2, 11, Kind.LIKE),
        entry(2, 10, Kind.LIKE),
        entry(0, 10, Kind.LIKE),
    ]
    assert kept.reader.entries(ME, entry(2, 11, Kind.LIKE), 1) == [entry(2, 10, Kind.LIKE)]
    assert kept.reader.entries(2, None, 10) == []


def test_lists_reach_back_over_years_and_bounds_may_be_anything(kept: Kept[NotificationsReader]) -> None:
    times = [START - week * 9 * DAY_MS for week in range(60)]
    kept.say_at_once(*(followed(100 + n, ME, at_ms) for n, at_ms in enumerate(times)))
    whole = kept.reader.entries(ME, None, 100)
    assert [it.minute for it in whole] == [at_ms // MINUTE_MS for at_ms in times]
    paged: list[Entry] = []
    while page := kept.reader.entries(ME, paged[-1] if paged else None, 7):
        paged += page
    assert paged == whole
    assert kept.reader.entries(ME, Entry(MAX_ID, MAX_ID, 15), 1) == whole[:1]
    assert kept.reader.entries(ME, Entry(0, 0, 0), 1) == []


def test_a_group_has_its_newest_of_that_day(kept: Kept[NotificationsReader]) -> None:
    kept.say_at_once(liked(2, TWEET, at(0)), liked(3, TWEET, at(1)), liked(4, TWEET, at(1)), liked(5, TWEET, at(1440)))
    next_day = LIKES._replace(day=DAY + 1)
    wanted = [LIKES, next_day, LIKES._replace(tweet_id=99), Group(Kind.FOLLOW, 0, DAY)]
    assert kept.reader.groups(ME, wanted, 2) == {LIKES: [Did(at(1), 4), Did(at(1), 3)], next_day: [Did(at(1440), 5)]}
    assert kept.reader.groups(2, wanted, 2) == {}
    assert kept.reader.groups(ME, [], 2) == {}


def test_what_is_taken_back_does_not_stand_and_comes_back_with_its_first_time(
    kept: Kept[NotificationsReader],
) -> None:
    kept.say(liked(2, TWEET, at(0)), retweeted(2, 20, TWEET, at(0)), followed(2, ME, at(0)))
    groups = [Group(kind, tweet, DAY) for kind, tweet in ((Kind.LIKE, 10), (Kind.RETWEET, 10), (Kind.FOLLOW, 0))]
    kept.say(unliked(2, TWEET, at(1)), retweet_undone(2, 20, TWEET, at(1)), unfollowed(2, ME, at(1)))
    assert kept.reader.groups(ME, groups, 5) == {}
    kept.say(liked(2, TWEET, at(2)), retweeted(2, 21, TWEET, at(2)), followed(2, ME, at(1440)))
    assert kept.reader.groups(ME, groups, 5) == {group: [Did(at(0), 2)] for group in groups}
    assert {it.minute for it in kept.reader.entries(ME, None, 10)} == {FIRST_MINUTE}


def test_in_one_batch_the_last_word_holds(kept: Kept[NotificationsReader]) -> None:
    kept.say_at_once(liked(2, TWEET, at(0)), unliked(2, TWEET, at(1)), liked(3, TWEET, at(1)), liked(2, TWEET, at(2)))
    kept.say_at_once(unliked(3, TWEET, at(3)), liked(3, TWEET, at(3)), unliked(3, TWEET, at(3)), unliked(4, TWEET))
    assert kept.reader.groups(ME, [LIKES], 5) == {LIKES: [Did(at(0), 2)]}


def test_many_who_took_it_back_hide_nobody(kept: Kept[NotificationsReader]) -> None:
    crowd = range(100, 150)
    kept.say(liked(2, TWEET, at(0)))
    kept.say_at_once(*(liked(user, TWEET, at(1)) for user in crowd))
    kept.say_at_once(*(unliked(user, TWEET, at(2)) for user in crowd))
    assert kept.reader.groups(ME, [LIKES], 1) == {LIKES: [Did(at(0), 2)]}


def test_ones_own_doings_notify_nobody(kept: Kept[NotificationsReader]) -> None:
    kept.say(liked(ME, TWEET), retweeted(ME, 20, TWEET), posted(ME, 21, reply_to=TWEET, quoted=TWEET))
    assert kept.reader.entries(ME, None, 10) == []


def test_a_mark_only_moves_forward(kept: Kept[NotificationsReader]) -> None:
    assert kept.reader.wishes(ME) == Wishes(0, frozenset())
    kept.say(*(NotificationsRead(envelope(), ME, up_to_ms) for up_to_ms in (at(5), at(7), at(6))))
    assert kept.reader.wishes(ME) == Wishes(at(7), frozenset())
    assert kept.reader.wishes(2) == Wishes()


def test_a_kind_is_as_it_was_switched_last(kept: Kept[NotificationsReader]) -> None:
    kept.say(NotificationsSwitched(envelope(), ME, dict.fromkeys(("like", "follow", "unheard of"), False)))
    kept.say(NotificationsSwitched(envelope(), ME, {"follow": True, "quote": False}))
    assert kept.reader.wishes(ME).off == {Kind.LIKE, Kind.QUOTE}
