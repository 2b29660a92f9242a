from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from schemas.engagements.events import Bookmarked
from schemas.follows.events import Blocked, Muted
from tests import builders
from tests.builders import envelope
from tests.query_world import Backing, World, ids, tweet_id, uid, uuids

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ME, ANN, BOB, EVE = (uid(n) for n in range(4))


@pytest.fixture
async def world(tmp_path: Path, backing: Backing) -> AsyncIterator[World]:
    async with World(tmp_path, backing=backing) as made:
        names = {ME: "me", ANN: "ann", BOB: "bob", EVE: "eve"}
        await made.given(
            *(builders.registered(user, name) for user, name in names.items()),
            builders.signed_in(ME),
            builders.followed(ME, ANN),
            builders.followed(ME, BOB),
        )
        yield made


async def test_a_timeline_shows_tweets_with_author_counts_and_flags(world: World) -> None:
    first = (tweet_id(1), ANN)
    await world.given(
        builders.posted(ANN, tweet_id(1), "hello"),
        builders.liked(ME, first),
        builders.liked(BOB, first),
        Bookmarked(envelope(), tweet_id(1), ANN, ME),
    )
    page = await world.get("/timeline/home", ME)
    assert (page["next_max_id"], page["has_more"]) == (None, False)
    [tweet] = page["tweets"]
    assert tweet["content"] == "hello"
    assert tweet["user"]["username"] == "ann"
    assert (tweet["likes_count"], tweet["retweets_count"]) == (2, 0)
    assert (tweet["liked"], tweet["retweeted"], tweet["bookmarked"]) == (True, False, True)
    assert (tweet["retweeted_tweet"], tweet["quoted_tweet"]) == (None, None)


async def test_of_a_tweet_and_its_retweets_only_the_newest_appearance_shows(world: World) -> None:
    await world.given(
        builders.posted(ANN, tweet_id(1)),
        builders.posted(EVE, tweet_id(2)),
        builders.retweeted(ANN, tweet_id(3), (tweet_id(2), EVE)),
        builders.retweeted(BOB, tweet_id(4), (tweet_id(2), EVE)),
        builders.retweeted(ME, tweet_id(5), (tweet_id(1), ANN)),
    )
    page = await world.get("/timeline/home", ME)
    assert ids(page["tweets"]) == uuids(5, 4)
    assert [tweet["retweeted_tweet"]["tweet_id"] for tweet in page["tweets"]] == uuids(1, 2)
    assert [tweet["retweets_count"] for tweet in page["tweets"]] == [1, 2]
    assert [tweet["retweeted"] for tweet in page["tweets"]] == [True, False]


async def test_what_a_hidden_account_wrote_does_not_show_whoever_passed_it_on(world: World) -> None:
    await world.given(
        builders.posted(EVE, tweet_id(1)),
        builders.retweeted(ANN, tweet_id(2), (tweet_id(1), EVE)),
        builders.posted(ANN, tweet_id(3), "look", quoted=(tweet_id(1), EVE)),
    )
    before = await world.get("/timeline/home", ME)
    assert ids(before["tweets"]) == uuids(3, 2)
    assert before["tweets"][0]["quoted_tweet"]["user"]["username"] == "eve"
    await world.given(Muted(envelope(), ME, EVE))
    after = await world.get("/timeline/home", ME)
    assert ids(after["tweets"]) == uuids(3)
    assert after["tweets"][0]["quoted_tweet"] is None


async def test_a_block_hides_both_ways_and_closes_timeline_and_tweets(world: World) -> None:
    await world.given(builders.posted(ANN, tweet_id(1)), Blocked(envelope(), ANN, ME))
    assert (await world.get("/timeline/home", ME))["tweets"] == []
    ann = (await world.get("/users/by-username/ANN", ME))["user_id"]
    assert await world.refused(f"/timeline/user/{ann}", ME) == (403, "blocked")
    assert await world.refused(f"/tweets/{uuids(1)[0]}", ME) == (403, "blocked")
    assert ids((await world.get(f"/timeline/user/{ann}"))["tweets"]) == uuids(1)


async def test_a_deletion_shows_at_once_in_spite_of_the_caches(world: World) -> None:
    await world.given(builders.posted(ANN, tweet_id(1)), builders.retweeted(BOB, tweet_id(2), (tweet_id(1), ANN)))
    assert ids((await world.get("/timeline/home", ME))["tweets"]) == uuids(2)
    await world.given(builders.deleted(ANN, tweet_id(1)))
    assert (await world.get("/timeline/home", ME))["tweets"] == []
    assert await world.refused(f"/tweets/{uuids(1)[0]}", ME) == (404, "tweet_not_found")


async def test_pages_are_filled_past_what_is_hidden_and_say_exactly_whether_there_is_more(world: World) -> None:
    posts = [builders.posted(ANN if n % 3 else EVE, tweet_id(n)) for n in range(30)]
    await world.given(builders.followed(ME, EVE), *posts, Muted(envelope(), ME, EVE))
    seen: list[str] = []
    max_id: dict[str, str] = {}
    while True:
        page = await world.get("/timeline/home", ME, limit=5, **max_id)
        seen += ids(page["tweets"])
        if not page["has_more"]:
            break
        assert len(page["tweets"]) == 5
        max_id = {"max_id": page["next_max_id"]}
    assert seen == uuids(*(n for n in reversed(range(30)) if n % 3))


async def test_the_ranked_order_explains_itself(world: World) -> None:
    await world.given(
        *(builders.posted(ANN, tweet_id(n)) for n in range(5)),
        *(builders.liked(user, (tweet_id(1), ANN)) for user in (ME, BOB, EVE)),
    )
    page = await world.get("/timeline/home", ME, ranking="top", explain=True, limit=2)
    assert page["tweets"][0]["tweet_id"] == uuids(1)[0]
    totals = [tweet["score"]["total"] for tweet in page["tweets"]]
    assert totals == sorted(totals, reverse=True)
    assert page["next_max_id"] == uuids(1)[0]  # four candidates were looked at
    assert ids((await world.get("/timeline/home", ME, ranking="top", max_id=page["next_max_id"]))["tweets"]) == uuids(0)
