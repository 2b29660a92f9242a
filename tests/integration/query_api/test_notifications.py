"""Notifications over real stores: what shows, in which order, once, and to nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from infra.consistency import HEADER
from projections.notifications.notices import told
from query_api.notifications.response import live
from schemas.follows.events import Blocked, Muted, Unmuted
from schemas.ids import to_uuid
from schemas.notifications.events import NotificationsRead, NotificationsSwitched
from schemas.tweets.events import Mention, TweetPosted
from tests import builders
from tests.builders import EPOCH_MS, envelope
from tests.query_world import Backing, World, tweet_id, uid

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ME, ANN, BOB, EVE = PEOPLE = tuple(uid(n) for n in range(4))
MINE = (tweet_id(1), ME)
MINUTE = 60_000


def at(minute: int) -> int:
    return EPOCH_MS + minute * MINUTE


def mentioning(author: int, number: int, *mentioned: int) -> TweetPosted:
    names = [Mention(user, "x") for user in mentioned]
    return TweetPosted(
        envelope(at(number), author), tweet_id(number), author, "@x", conversation_id=tweet_id(number), mentions=names
    )


@pytest.fixture
async def world(tmp_path: Path, backing: Backing) -> AsyncIterator[World]:
    async with World(tmp_path, backing=backing) as made:
        await made.given(
            *(builders.registered(user, name) for user, name in zip(PEOPLE, ("me", "ann", "bob", "eve"), strict=True)),
            builders.posted(ME, MINE[0], "mine"),
            builders.liked(ME, MINE, at(2)),
            builders.liked(ANN, MINE, at(2)),
            builders.liked(BOB, MINE, at(3)),
            builders.posted(EVE, tweet_id(4), "a reply", reply_to=MINE, at_ms=at(4)),
            mentioning(EVE, 5, ME, EVE),
            builders.posted(ANN, tweet_id(6), "a quote", quoted=MINE, at_ms=at(6)),
            builders.retweeted(BOB, tweet_id(7), MINE, at(7)),
            builders.followed(ANN, ME, at(8)),
            builders.followed(BOB, ME, at(9)),
        )
        yield made


async def shown(world: World, user: int = ME, **params: Any) -> list[tuple[str, list[str]]]:
    page = await world.get("/notifications", user, **params)
    return [(it["kind"], [actor["username"] for actor in it["actors"]]) for it in page["notifications"]]


EVERYTHING = [
    ("follow", ["bob", "ann"]),
    ("retweet", ["bob"]),
    ("quote", ["ann"]),
    ("mention", ["eve"]),
    ("reply", ["eve"]),
    ("like", ["bob", "ann"]),
]


async def test_all_kinds_show_newest_first_and_likes_of_a_tweet_are_one(world: World) -> None:
    assert await shown(world) == EVERYTHING
    like = (await world.get("/notifications", ME))["notifications"][-1]
    assert like["tweet"]["tweet_id"] == to_uuid(MINE[0])
    assert (like["actors_count"], like["actors_more"], like["read"]) == (2, False, False)
    assert like["created_at"] == "2023-11-14T22:16:20.000Z"
    assert like["notification_id"] == f"like:{to_uuid(MINE[0])}:2023-11-14"


async def test_nobody_reads_anothers(world: World) -> None:
    assert await shown(world, EVE) == []
    assert await world.refused("/notifications") == (401, "token_missing")
    page = await world.get("/notifications", ME, limit=2)
    assert await world.refused("/notifications", EVE, cursor=page["next_cursor"]) == (400, "cursor_invalid")


async def test_pages_partition_the_list_and_do_not_shift(world: World) -> None:
    first = await world.get("/notifications", ME, limit=2)
    await world.given(builders.liked(EVE, MINE, at(20)))
    second = await world.get("/notifications", ME, limit=3, cursor=first["next_cursor"])
    assert [it["kind"] for it in first["notifications"]] == ["follow", "retweet"]
    assert [it["kind"] for it in second["notifications"]] == ["quote", "mention", "reply"]
    assert second["has_more"] is False  # the likes have gone up: they have a newer one
    assert (await shown(world))[0] == ("like", ["eve", "bob", "ann"])


async def test_only_the_kinds_that_are_asked_for(world: World) -> None:
    assert await shown(world, kinds="reply,follow") == [("follow", ["bob", "ann"]), ("reply", ["eve"])]
    assert await world.refused("/notifications", ME, kinds="poke") == (400, "parameter_invalid")
    assert await world.refused("/notifications", ME, kinds="") == (400, "parameter_invalid")


async def test_what_is_taken_back_does_not_show_and_comes_back_at_its_first_time(world: World) -> None:
    await world.given(
        builders.unliked(BOB, MINE, at(10)), builders.unfollowed(BOB, ME, at(10)), builders.unfollowed(ANN, ME, at(10))
    )
    assert await shown(world) == [*EVERYTHING[1:-1], ("like", ["ann"])]
    await world.given(builders.liked(BOB, MINE, at(30)), builders.followed(BOB, ME, at(31)))
    assert await shown(world) == [("follow", ["bob"]), *EVERYTHING[1:]]


async def test_a_retweet_that_is_undone_and_a_tweet_that_is_deleted_do_not_show(world: World) -> None:
    await world.given(
        builders.retweet_undone(BOB, tweet_id(7), MINE, at(10)), builders.deleted(EVE, tweet_id(4), at(10))
    )
    assert await shown(world) == [it for it in EVERYTHING if it[0] not in {"retweet", "reply"}]
    await world.given(builders.deleted(ME, MINE[0], at(11)))
    assert [kind for kind, _ in await shown(world)] == ["follow", "quote", "mention"]


async def test_a_tweet_notifies_once_and_not_its_author(world: World) -> None:
    reply = TweetPosted(
        envelope(at(12), EVE),
        tweet_id(12),
        EVE,
        "@me",
        conversation_id=MINE[0],
        reply_to_tweet_id=MINE[0],
        reply_to_author_id=ME,
        quoted_tweet_id=MINE[0],
        quoted_author_id=ME,
        mentions=[Mention(ME, "me"), Mention(ME, "Me"), Mention(ANN, "ann")],
    )
    await world.given(reply, builders.posted(ME, tweet_id(13), "to myself", reply_to=MINE, at_ms=at(13)))
    assert await shown(world) == [("reply", ["eve"]), *EVERYTHING]
    assert await shown(world, ANN) == [("mention", ["eve"])]


async def test_hidden_actors_are_neither_shown_nor_counted(world: World) -> None:
    await world.given(Muted(envelope(), ME, BOB), Blocked(envelope(), EVE, ME))
    assert await shown(world) == [("follow", ["ann"]), ("quote", ["ann"]), ("like", ["ann"])]
    counted = await world.get("/notifications/unread_count", ME)
    assert counted == {"unread_count": 3, "more": False}
    like = (await world.get("/notifications", ME))["notifications"][-1]
    assert (like["actors_count"], like["created_at"]) == (1, "2023-11-14T22:15:20.000Z")
    await world.given(Unmuted(envelope(), ME, BOB))
    assert (await shown(world))[-1] == ("like", ["bob", "ann"])


async def test_what_was_read_is_not_counted_and_the_mark_only_moves_forward(world: World) -> None:
    assert (await world.get("/notifications/unread_count", ME))["unread_count"] == 6
    await world.given(NotificationsRead(envelope(), ME, at(6)), NotificationsRead(envelope(), ME, at(2)))
    assert await world.get("/notifications/unread_count", ME) == {"unread_count": 2, "more": False}
    assert [it["read"] for it in (await world.get("/notifications", ME))["notifications"]] == [False] * 2 + [True] * 4
    await world.given(builders.liked(EVE, MINE, at(20)))
    assert await world.get("/notifications/unread_count", ME) == {"unread_count": 3, "more": False}


async def test_a_kind_that_is_switched_off_is_neither_shown_nor_counted(world: World) -> None:
    await world.given(
        NotificationsSwitched(envelope(), ME, dict.fromkeys(("like", "follow", "poke"), False)),
        NotificationsSwitched(envelope(), ME, {"follow": True, "mention": False}),
    )
    assert [kind for kind, _ in await shown(world)] == ["follow", "retweet", "quote", "reply"]
    assert (await world.get("/notifications/unread_count", ME))["unread_count"] == 4
    kinds = (await world.get("/notifications/preferences", ME))["kinds"]
    assert [kind for kind, on in kinds.items() if not on] == ["mention", "like"]
    assert await shown(world, kinds="like") == []


async def test_unread_is_counted_up_to_a_bound(world: World) -> None:
    await world.given(*(mentioning(ANN, 100 + n, ME) for n in range(100)))
    assert await world.get("/notifications/unread_count", ME) == {"unread_count": 99, "more": True}


async def test_a_popular_tweet_is_one_notification_and_its_actors_are_counted_up_to_a_bound(world: World) -> None:
    crowd = [uid(100 + n) for n in range(150)]
    await world.given(*(builders.liked(user, MINE, at(10) + n) for n, user in enumerate(crowd)))
    like = (await world.get("/notifications", ME))["notifications"][0]
    assert (like["kind"], like["actors_count"], like["actors_more"], len(like["actors"])) == ("like", 100, True, 5)
    assert like["actors"][0]["user_id"] == to_uuid(crowd[-1])
    await world.given(*(Blocked(envelope(), ME, user) for user in crowd[20:]))
    like = (await world.get("/notifications", ME))["notifications"][0]
    assert (like["actors_count"], like["actors"][0]["user_id"]) == (22, to_uuid(crowd[19]))


async def test_a_page_with_a_token_shows_what_the_command_did_or_says_that_it_does_not(world: World) -> None:
    token = await world.publish(NotificationsRead(envelope(), ME, at(6)), builders.liked(EVE, MINE, at(20)))
    client, patience = world.client(ME), {"wait_ms": 0}
    stale = await client.get("/notifications/unread_count", params=patience, headers={HEADER: token})
    assert (stale.json()["unread_count"], stale.headers["X-Stale"]) == (6, "true")
    world.project("notifications", "engagement")
    fresh = await client.get("/notifications/unread_count", params={"wait_ms": 10_000}, headers={HEADER: token})
    assert fresh.json() == {"unread_count": 3, "more": False}
    assert "X-Stale" not in fresh.headers
    assert "notifications=0" in fresh.headers["X-Projection-Lag"]


async def test_what_the_live_stream_sends_is_what_the_page_shows(world: World) -> None:
    event = builders.liked(EVE, MINE, at(20))
    await world.given(event)
    (notice,) = told(event)
    readers = world.services.stores.readers()
    sent = live(notice, readers)
    assert sent is not None
    assert orjson.loads(sent) == (await world.get("/notifications", ME))["notifications"][0]
    again = builders.liked(EVE, MINE, at(22))
    await world.given(builders.unliked(EVE, MINE, at(21)))
    assert live(notice, world.services.stores.readers()) is None
    await world.given(again)
    assert live(told(again)[0], world.services.stores.readers()) is None  # it was told before
    await world.given(Blocked(envelope(), EVE, ME))
    await shown(world)  # by then servers have heard of it
    assert live(notice, world.services.stores.readers()) is None
