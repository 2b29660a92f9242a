"""Search over HTTP, on real stores of each kind filled through the projectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from infra.clock import rfc3339
from schemas.accounts.events import ProfileEdited
from schemas.follows.events import Blocked, Muted
from schemas.tweets.events import TweetDeleted, TweetPosted
from tests import builders
from tests.builders import EPOCH_MS, envelope
from tests.query_world import World, ids, tweet_id, uid, uuids

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.query_world import Backing

ME, ANN, BOB, EVE = (uid(n) for n in range(4))
MINUTE_MS = 60_000


@pytest.fixture
async def world(tmp_path: Path, searched: Backing) -> AsyncIterator[World]:
    async with World(tmp_path, backing=searched) as made:
        await made.given(
            builders.registered(ME, "me"),
            builders.registered(ANN, "ann"),
            builders.registered(BOB, "anna_b"),
            builders.registered(EVE, "eve"),
            builders.followed(ME, BOB),
            builders.followed(EVE, ANN),
        )
        yield made


def said(author_id: int, n: int, content: str, *tags: str, **facts: Any) -> TweetPosted:
    tweet = builders.posted(author_id, tweet_id(n), content, at_ms=EPOCH_MS + n * MINUTE_MS)
    return msgspec.structs.replace(tweet, hashtags=list(tags), **facts)


async def found(world: World, query: str, viewer: int | None = None, **params: Any) -> list[str]:
    answer = await world.client(viewer).get("/search/tweets", params={"q": query, **params})
    assert answer.status_code == 200, answer.text
    return ids(answer.json()["tweets"])


async def test_tweets_are_found_by_what_they_say_and_by_whom(world: World) -> None:
    await world.given(
        said(ANN, 1, "A cat on a mat"), said(BOB, 2, "Cats and dogs", "Cats"), said(BOB, 3, "my cat", "cats")
    )
    assert await found(world, "cat") == uuids(3, 1)
    assert await found(world, '"on a mat"') == uuids(1)
    assert await found(world, "#CATS") == uuids(3, 2)
    assert await found(world, "from:ANN") == uuids(1)
    assert await found(world, "cat -from:ann") == uuids(3)
    assert await found(world, "from:nobody") == []
    assert await found(world, "cat -from:nobody") == uuids(3, 1)
    assert await found(world, f"cat since:{rfc3339(EPOCH_MS + 2 * MINUTE_MS)}") == uuids(3)


async def test_likes_are_asked_for(world: World) -> None:
    await world.given(said(ANN, 1, "cat"), said(ANN, 2, "cat"), builders.liked(ME, (tweet_id(1), ANN)))
    assert await found(world, "cat min_likes:1") == uuids(1)


async def test_pages_are_full_though_some_authors_are_hidden(world: World) -> None:
    await world.given(*(said(EVE if n % 2 else ANN, n, "cat") for n in range(1, 11)))
    await world.given(Blocked(envelope(), ME, EVE))
    answer = await world.client(ME).get("/search/tweets", params={"q": "cat", "limit": 3})
    assert ids(answer.json()["tweets"]) == uuids(10, 8, 6)
    rest = {"q": "cat", "limit": 3, "max_id": answer.json()["next_max_id"]}
    following = (await world.client(ME).get("/search/tweets", params=rest)).json()
    assert (ids(following["tweets"]), following["has_more"]) == (uuids(4, 2), False)


async def test_pages_go_on_where_they_ended_while_others_post(world: World) -> None:
    await world.given(*(said(ANN, n, "cat") for n in range(1, 8)))
    first = await world.get("/search/tweets", q="cat", limit=3)
    await world.given(*(said(BOB, n, "cat") for n in range(8, 12)))
    second = await world.get("/search/tweets", q="cat", limit=3, max_id=first["next_max_id"])
    assert [ids(page["tweets"]) for page in (first, second)] == [uuids(7, 6, 5), uuids(4, 3, 2)]
    assert second["has_more"]
    assert ids((await world.get("/search/tweets", q="cat", limit=4))["tweets"]) == uuids(11, 10, 9, 8)


async def test_who_is_muted_is_not_found_in_tweets_but_among_people(world: World) -> None:
    await world.given(said(ANN, 1, "cat"), said(BOB, 2, "cat"), Muted(envelope(), ME, ANN))
    assert await found(world, "cat", ME) == uuids(2)
    assert [user["username"] for user in (await world.get("/search/users", ME, q="ann"))["users"]] == ["ann", "anna_b"]


async def test_a_hashtag_of_signs_is_no_expression_of_the_engine(world: World) -> None:
    await world.given(said(ANN, 1, "x", "a\uff02b"))
    assert await found(world, "#a\uff02b") == uuids(1)
    assert await found(world, "#a\uff02") == []
    assert await world.refused("/search/tweets", q="#\uff02") == (400, "query_invalid")


async def test_a_new_name_is_found_and_the_old_one_no_more(world: World) -> None:
    await world.given(ProfileEdited(envelope(), EVE, display_name="Zoë Adams"))
    assert [user["display_name"] for user in (await world.get("/search/users", q="zoe ad"))["users"]] == ["Zoë Adams"]
    await world.given(ProfileEdited(envelope(), EVE, display_name="Eve"))
    assert (await world.get("/search/users", q="zoe"))["users"] == []
    assert [user["username"] for user in (await world.get("/search/users", q="ev"))["users"]] == ["eve"]


async def test_a_deleted_tweet_is_found_no_more(world: World) -> None:
    await world.given(said(ANN, 1, "cat"))
    await world.given(TweetDeleted(envelope(), tweet_id(1), ANN))
    assert await found(world, "cat") == []


@pytest.mark.parametrize(("query", "where"), [("", 0), ('cat "dog', 4), ("from:", 5), ("has:video", 4)])
async def test_a_broken_search_says_where(world: World, query: str, where: int) -> None:
    answer = await world.client().get("/search/tweets", params={"q": query})
    assert (answer.status_code, answer.json()["code"]) == (400, "query_invalid")
    assert answer.json()["detail"].endswith(f"at character {where}")


async def test_people_are_found_best_first(world: World) -> None:
    async def names(query: str, viewer: int | None = None) -> list[tuple[str, int]]:
        answer = await world.client(viewer).get("/search/users", params={"q": query})
        assert answer.status_code == 200, answer.text
        return [(user["username"], user["followers_count"]) for user in answer.json()["users"]]

    assert await names("an") == [("ann", 1), ("anna_b", 1)]
    assert await names("an", ME) == [("anna_b", 1), ("ann", 1)]
    assert await names("@ann", ME) == [("ann", 1), ("anna_b", 1)]
    await world.given(Blocked(envelope(), ME, ANN))
    assert await names("ann", ME) == [("anna_b", 1)]
    assert (await world.client().get("/search/users", params={"q": "!"})).json()["code"] == "query_invalid"
