"""Accounts that are suspended show nowhere, may read nothing, and show again when they are restored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infra.clock import SystemClock
from schemas.ids import to_uuid
from tests import builders
from tests.query_world import World, ids, tweet_id, uid, uuids

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.query_world import Backing

ME, ANN, BOB = (uid(n) for n in range(3))


@pytest.fixture
async def anywhere(tmp_path: Path, searched: Backing) -> AsyncIterator[World]:
    """A world on files, and on servers."""
    async with World(tmp_path, backing=searched) as made:
        yield made


async def a_town(world: World) -> None:
    """ME follows ANN and BOB; ANN has posted 1, BOB retweets it (2), quotes it (3), answers it (4)."""
    ann = (tweet_id(1), ANN)
    await world.given(
        *(builders.registered(user, name) for user, name in ((ME, "me"), (ANN, "ann"), (BOB, "bob"))),
        builders.signed_in(ME),
        *(builders.followed(ME, it) for it in (ANN, BOB)),
        builders.followed(ANN, BOB),
        builders.posted(ANN, tweet_id(1), "tea for two"),
        builders.retweeted(BOB, tweet_id(2), ann),
        builders.posted(BOB, tweet_id(3), "tea indeed", quoted=ann),
        builders.posted(BOB, tweet_id(4), "more tea", reply_to=ann),
        builders.liked(ANN, (tweet_id(3), BOB)),
        builders.liked(ANN, (tweet_id(4), BOB)),
    )


async def seen(world: World) -> dict[str, Any]:
    """Return what ME is shown of ANN, all over."""
    home = (await world.get("/timeline/home", ME))["tweets"]
    likers = (await world.get(f"/tweets/{to_uuid(tweet_id(3))}/likes", ME))["users"]
    notices = (await world.get("/notifications", BOB))["notifications"]
    return {
        "home": ids(home),
        "quoted": {it["tweet_id"]: it["quoted_tweet"] is not None for it in home if it["type"] == "QUOTE_TWEET"},
        "found": ids((await world.get("/search/tweets", ME, q="tea"))["tweets"]),
        "people": [it["username"] for it in (await world.get("/search/users", ME, q="ann"))["users"]],
        "likers": [it["username"] for it in likers],
        "followers": [it["username"] for it in (await world.get(f"/users/{to_uuid(BOB)}/followers"))["followers"]],
        "following": [it["username"] for it in (await world.get(f"/users/{to_uuid(ME)}/following"))["following"]],
        "notices": sorted(actor["username"] for it in notices for actor in it["actors"]),
    }


async def test_a_suspended_account_shows_nowhere_and_a_restored_one_everywhere(anywhere: World) -> None:
    await a_town(anywhere)
    before = await seen(anywhere)
    assert before["home"] == uuids(4, 3, 2)
    assert before["quoted"] == {uuids(3)[0]: True}
    assert all("ann" in before[name] for name in ("people", "likers", "followers", "following", "notices"))

    await anywhere.given(builders.suspended(ANN))
    during = await seen(anywhere)
    assert during["home"] == uuids(4, 3)
    assert during["quoted"] == {uuids(3)[0]: False}
    assert during["found"] == uuids(4, 3)
    assert not any("ann" in during[name] for name in ("people", "likers", "followers", "following", "notices"))
    for path in (f"/users/{to_uuid(ANN)}", "/users/by-username/ann", f"/timeline/user/{to_uuid(ANN)}"):
        assert await anywhere.refused(path, ME) == (404, "user_not_found")
    assert await anywhere.refused(f"/users/{to_uuid(ANN)}/followers") == (404, "user_not_found")
    assert await anywhere.refused(f"/tweets/{uuids(1)[0]}", ME) == (404, "tweet_not_found")

    await anywhere.given(builders.restored(ANN))
    assert await seen(anywhere) == before


async def test_a_suspended_account_may_read_nothing(anywhere: World) -> None:
    await a_town(anywhere)
    await anywhere.given(builders.suspended(ANN))
    for path in ("/timeline/home", "/users/me", "/bookmarks", "/notifications", f"/users/{to_uuid(BOB)}"):
        assert await anywhere.refused(path, ANN) == (403, "account_suspended")
    assert await anywhere.refused("/stream", ANN) == (403, "account_suspended")


async def test_a_suspension_ends_by_itself(anywhere: World) -> None:
    await a_town(anywhere)
    now_ms = SystemClock().now_ms()
    await anywhere.given(builders.suspended(ANN, now_ms - 1))
    assert (await seen(anywhere))["home"] == uuids(4, 3, 2)
    assert (await anywhere.get("/users/me", ANN))["status"] == "ACTIVE"
    await anywhere.given(builders.suspended(ANN, now_ms + 3_600_000))
    assert await anywhere.refused("/users/me", ANN) == (403, "account_suspended")
