"""Everything beside the home timeline, over real stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from schemas.accounts.events import ProfileEdited
from schemas.engagements.events import Bookmarked
from schemas.follows.events import Blocked, Muted
from schemas.ids import to_uuid
from tests import builders
from tests.builders import EPOCH_MS, envelope
from tests.query_world import Backing, World, ids, tweet_id, uid, uuids

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ME, ANN, BOB, EVE = PEOPLE = tuple(uid(n) for n in range(4))
ROOT = (tweet_id(1), ANN)


@pytest.fixture
async def world(tmp_path: Path, backing: Backing) -> AsyncIterator[World]:
    async with World(tmp_path, backing=backing) as made:
        await made.given(
            *(builders.registered(user, name) for user, name in zip(PEOPLE, ("me", "ann", "bob", "eve"), strict=True)),
            builders.posted(ANN, ROOT[0], "root"),
            builders.posted(BOB, tweet_id(2), "first reply", reply_to=ROOT),
            builders.posted(EVE, tweet_id(3), "second reply", reply_to=ROOT),
            builders.posted(ANN, tweet_id(4), "deeper", reply_to=(tweet_id(2), BOB)),
            builders.posted(EVE, tweet_id(5), "quote", quoted=ROOT),
            builders.retweeted(BOB, tweet_id(6), ROOT, EPOCH_MS + 1),
            builders.retweeted(EVE, tweet_id(7), ROOT, EPOCH_MS + 2),
            *(builders.liked(user, ROOT, EPOCH_MS + n) for n, user in enumerate((BOB, EVE, ME))),
        )
        yield made


def names(users: list[dict[str, Any]]) -> list[str]:
    return [user["username"] for user in users]


async def test_a_tweet_is_read_without_a_token_and_has_no_flags(world: World) -> None:
    tweet = await world.get(f"/tweets/{to_uuid(ROOT[0])}")
    assert (tweet["replies_count"], tweet["quotes_count"], tweet["retweets_count"], tweet["likes_count"]) == (
        2,
        1,
        2,
        3,
    )
    assert (tweet["liked"], tweet["retweeted"], tweet["bookmarked"]) == (False, False, False)


async def test_replies_quotes_and_threads(world: World) -> None:
    root = f"/tweets/{to_uuid(ROOT[0])}"
    assert ids((await world.get(f"{root}/replies"))["replies"]) == uuids(3, 2)
    assert ids((await world.get(f"{root}/quotes"))["tweets"]) == uuids(5)
    thread = await world.get(f"/tweets/{uuids(2)[0]}/thread")
    assert (ids(thread["ancestors"]), thread["tweet"]["tweet_id"], ids(thread["replies"])) == (
        uuids(1),
        uuids(2)[0],
        uuids(4),
    )
    assert ids((await world.get(f"/tweets/{uuids(4)[0]}/thread"))["ancestors"]) == uuids(1, 2)
    await world.given(builders.deleted(ANN, ROOT[0]))
    assert (await world.get(f"/tweets/{uuids(4)[0]}/thread"))["ancestors"][0]["tweet_id"] == uuids(2)[0]


async def test_lists_of_a_retweet_are_its_originals(world: World) -> None:
    retweet = f"/tweets/{uuids(6)[0]}"
    assert ids((await world.get(f"{retweet}/replies"))["replies"]) == uuids(3, 2)
    assert names((await world.get(f"{retweet}/likes"))["users"]) == ["me", "eve", "bob"]
    assert ids((await world.get(f"{retweet}/thread"))["replies"]) == uuids(3, 2)


async def test_likers_and_retweeters_come_newest_first_in_pages(world: World) -> None:
    root = f"/tweets/{to_uuid(ROOT[0])}"
    first = await world.get(f"{root}/likes", limit=2)
    rest = await world.get(f"{root}/likes", limit=2, cursor=first["next_cursor"])
    assert (names(first["users"]), names(rest["users"])) == (["me", "eve"], ["bob"])
    assert (first["has_more"], rest["has_more"], rest["next_cursor"]) == (True, False, None)
    retweeters = (await world.get(f"{root}/retweets"))["users"]
    assert names(retweeters) == ["eve", "bob"]
    assert retweeters[0]["retweeted_at"].startswith("2023-11-14T22:13:20.002")
    other = f"{root}/retweets"
    assert await world.refused(other, cursor=first["next_cursor"]) == (400, "cursor_invalid")


async def test_profiles_tell_counts_and_the_viewers_relation(world: World) -> None:
    await world.given(builders.followed(ME, ANN), builders.followed(BOB, ANN), Muted(envelope(), ME, ANN))
    ann = await world.get("/users/by-username/aNN", ME)
    assert (ann["followers_count"], ann["following_count"], ann["tweets_count"]) == (2, 0, 2)
    assert ann["relation"] == {
        "following": True,
        "followed_by": False,
        "blocking": False,
        "blocked_by": False,
        "muting": True,
    }
    assert (await world.get(f"/users/{to_uuid(ANN)}"))["relation"] is None
    me = await world.get("/users/me", ME)
    assert (me["username"], me["relation"], me["following_count"]) == ("me", None, 1)


async def test_followers_and_following_are_paged_newest_first(world: World) -> None:
    await world.given(*(builders.followed(user, ANN, EPOCH_MS + n) for n, user in enumerate((ME, BOB, EVE))))
    first = await world.get(f"/users/{to_uuid(ANN)}/followers", limit=2)
    rest = await world.get(f"/users/{to_uuid(ANN)}/followers", limit=2, cursor=first["next_cursor"])
    assert (names(first["followers"]), names(rest["followers"])) == (["eve", "bob"], ["me"])
    following = (await world.get(f"/users/{to_uuid(BOB)}/following"))["following"]
    assert (names(following), following[0]["followed_at"]) == (["ann"], "2023-11-14T22:13:20.001Z")


async def test_an_edited_profile_shows_at_once_in_tweets(world: World) -> None:
    path = f"/tweets/{to_uuid(ROOT[0])}"
    assert (await world.get(path))["user"]["display_name"] == "Ann"
    await world.given(ProfileEdited(envelope(), ANN, display_name='A "quoted" name'))
    assert (await world.get(path))["user"]["display_name"] == 'A "quoted" name'


async def test_bookmarks_are_the_viewers_alone_in_the_order_kept_in_spite_of_mutes(world: World) -> None:
    kept = [(2, BOB), (1, ANN), (3, EVE)]
    await world.given(
        *(Bookmarked(envelope(EPOCH_MS + at), tweet_id(n), by, ME) for at, (n, by) in enumerate(kept)),
        Muted(envelope(), ME, BOB),
    )
    first = await world.get("/bookmarks", ME, limit=2)
    rest = await world.get("/bookmarks", ME, limit=2, cursor=first["next_cursor"])
    assert ids(first["tweets"]) + ids(rest["tweets"]) == uuids(3, 1, 2)
    assert await world.refused("/bookmarks", BOB, cursor=first["next_cursor"]) == (400, "cursor_invalid")
    await world.given(Blocked(envelope(), EVE, ME), builders.deleted(ANN, ROOT[0]))
    assert ids((await world.get("/bookmarks", ME))["tweets"]) == uuids(2)


async def test_a_muted_account_is_seen_only_where_it_is_asked_for(world: World) -> None:
    await world.given(Muted(envelope(), ME, EVE))
    assert ids((await world.get(f"/timeline/user/{to_uuid(EVE)}", ME))["tweets"]) == uuids(7, 5, 3)
    assert ids((await world.get(f"/tweets/{to_uuid(ROOT[0])}/replies", ME))["replies"]) == uuids(2)
    assert (await world.get(f"/tweets/{uuids(3)[0]}", ME))["content"] == "second reply"


MATRIX = {  # path → codes for anonymous, the owner, another, and one whom the owner blocks
    "/tweets/{tweet}": (200, 200, 200, 403),
    "/tweets/{tweet}/replies": (200, 200, 200, 403),
    "/tweets/{tweet}/quotes": (200, 200, 200, 403),
    "/tweets/{tweet}/thread": (200, 200, 200, 403),
    "/tweets/{tweet}/likes": (200, 200, 200, 403),
    "/tweets/{tweet}/retweets": (200, 200, 200, 403),
    "/timeline/user/{user}": (200, 200, 200, 403),
    "/users/{user}": (200, 200, 200, 200),
    "/users/by-username/ann": (200, 200, 200, 200),
    "/users/{user}/followers": (200, 200, 200, 403),
    "/users/{user}/following": (200, 200, 200, 403),
    "/timeline/home": (401, 200, 200, 200),
    "/bookmarks": (401, 200, 200, 200),
    "/users/me": (401, 200, 200, 200),
}


@pytest.mark.parametrize("path", MATRIX)
async def test_who_may_read_what(world: World, path: str) -> None:
    await world.given(Blocked(envelope(), ANN, EVE))
    place = path.format(tweet=to_uuid(ROOT[0]), user=to_uuid(ANN))
    answers = [await world.client(viewer).get(place) for viewer in (None, ANN, BOB, EVE)]
    assert tuple(answer.status_code for answer in answers) == MATRIX[path]


@pytest.mark.parametrize("path", [path for path in MATRIX if "{" in path])
async def test_what_is_nobodys_or_no_id_at_all_is_not_found(world: World, path: str) -> None:
    for unknown in (to_uuid(uid(99)), "00000000-0000-4000-8000-000000000000", "x", "%00", "%ED%A0%BD", "1" * 500):
        status, code = await world.refused(path.format(tweet=unknown, user=unknown), ME)
        assert (status, code) == (404, "tweet_not_found" if "{tweet}" in path else "user_not_found")


@pytest.mark.parametrize("name", ["nobody", "%ED%A0%BD", "%00", "a" * 1000, "ann%20", "%C3%84nn"])
async def test_a_name_that_nobody_has_is_not_found(world: World, name: str) -> None:
    assert await world.refused(f"/users/by-username/{name}") == (404, "user_not_found")


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("/timeline/home", {"limit": 10**9}, "parameter_invalid"),
        ("/timeline/home", {"limit": 201}, "parameter_invalid"),
        ("/timeline/home", {"limit": 0}, "parameter_invalid"),
        ("/timeline/home", {"limit": "many"}, "parameter_invalid"),
        ("/timeline/home", {"ranking": "best"}, "parameter_invalid"),
        ("/timeline/home", {"explain": "perhaps"}, "parameter_invalid"),
        ("/timeline/home", {"wait_ms": 10**9}, "parameter_invalid"),
        ("/timeline/home", {"wait_ms": "soon"}, "parameter_invalid"),
        ("/timeline/home", {"max_id": "made-up"}, "cursor_invalid"),
        ("/timeline/home", {"max_id": "00000000-0000-4000-8000-000000000000"}, "cursor_invalid"),
        ("/timeline/home", {"max_id": "x" * 1000}, "parameter_invalid"),
        ("/timeline/user/{user}", {"limit": 201}, "parameter_invalid"),
        ("/users/{user}/followers", {"limit": 201}, "parameter_invalid"),
        ("/users/{user}/followers", {"cursor": "made-up"}, "cursor_invalid"),
        ("/users/{user}/following", {"cursor": "A" * 32}, "cursor_invalid"),
        ("/tweets/{tweet}/likes", {"cursor": "\u00e9"}, "cursor_invalid"),
        ("/bookmarks", {"cursor": "A" * 32}, "cursor_invalid"),
    ],
)
async def test_bad_parameters_are_refused(world: World, path: str, params: dict[str, Any], code: str) -> None:
    place = path.format(tweet=to_uuid(ROOT[0]), user=to_uuid(ANN))
    assert await world.refused(place, ME, **params) == (400, code)


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer x.y.z", "Basic eDp5", "Bearer " + "a" * 5000])
async def test_a_bad_token_is_refused_also_where_none_is_needed(world: World, token: str) -> None:
    answer = await world.client().get(f"/tweets/{to_uuid(ROOT[0])}", headers={"Authorization": token})
    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")
