"""Commands over the real log: what each does, and that twice is once."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from typing import TYPE_CHECKING

import pytest

from infra.auth.seals import seals_on_files
from schemas.accounts.events import AccountRegistered, ProfileEdited, SignedIn
from schemas.engagements.events import Bookmarked, Liked, Unbookmarked, Unliked
from schemas.follows.events import Blocked, Followed, Muted, Unblocked, Unfollowed, Unmuted
from schemas.ids import from_uuid
from schemas.tweets.events import Retweeted, RetweetUndone, TweetDeleted, TweetPosted
from tests.command_world import Projections, command_world

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.envelope import Event
    from tests.command_world import World


async def test_a_tweet_is_answered_as_it_was_posted(world: World) -> None:
    ada, bob = await world.register("Ada"), await world.register("bob")
    answer = await ada.call("POST", "/tweets", {"content": "Hi @BOB @nobody #Dusk https://example.org"})
    tweet = answer.json()
    assert answer.status_code == 201
    assert answer.headers["X-Consistency-Token"]
    assert (tweet["user_id"], tweet["type"], tweet["conversation_id"]) == (ada.user_id, "TWEET", tweet["tweet_id"])
    assert tweet["mentions"] == [{"user_id": bob.user_id, "username": "BOB"}]
    assert (tweet["hashtags"], tweet["urls"], tweet["media"]) == (["Dusk"], ["https://example.org"], [])
    assert [tweet[f"{what}_count"] for what in ("likes", "retweets", "replies", "quotes")] == [0, 0, 0, 0]
    (event,) = [event for event in world.events() if isinstance(event, TweetPosted)]
    assert event.tweet_id == from_uuid(tweet["tweet_id"])
    assert event.envelope.actor_id == from_uuid(ada.user_id)


async def test_a_reply_joins_the_conversation_and_a_quote_begins_its_own(world: World) -> None:
    ada, bob = await world.register(), await world.register()
    root = await ada.post("root")
    reply = (await bob.call("POST", f"/tweets/{root}/reply", {"content": "yes"})).json()
    deeper = (await ada.call("POST", "/tweets", {"content": "and", "reply_to_tweet_id": reply["tweet_id"]})).json()
    quote = (await bob.call("POST", "/tweets", {"content": "look", "quoted_tweet_id": root})).json()
    assert (reply["type"], reply["parent_tweet_id"], reply["conversation_id"]) == ("REPLY", root, root)
    assert (deeper["reply_to_tweet_id"], deeper["conversation_id"]) == (reply["tweet_id"], root)
    assert (quote["type"], quote["quoted_tweet_id"]) == ("QUOTE_TWEET", root)
    assert quote["conversation_id"] == quote["tweet_id"]


TWICE: list[tuple[str, type[Event], type[Event], str]] = [
    ("like", Liked, Unliked, "liked"),
    ("retweet", Retweeted, RetweetUndone, "retweeted"),
    ("bookmark", Bookmarked, Unbookmarked, "bookmarked"),
]


@pytest.mark.parametrize(("verb", "done", "undone", "flag"), TWICE)
async def test_doing_it_twice_is_one_event_and_undoing_it_twice_too(
    world: World, verb: str, done: type[Event], undone: type[Event], flag: str
) -> None:
    ada, bob = await world.register(), await world.register()
    tweet = await ada.post("hello")
    told = []
    for method in ("POST", "POST", "DELETE", "DELETE"):
        answer = await bob.call(method, f"/tweets/{tweet}/{verb}")
        assert answer.status_code == 200, answer.text
        assert answer.headers["X-Consistency-Token"]
        told.append((answer.json()[flag], answer.json().get(f"{verb}s_count")))
    assert [it[0] for it in told] == [True, True, False, False]
    assert [it[1] for it in told] == ([None] * 4 if verb == "bookmark" else [1, 1, 0, 0])
    assert (world.count(done), world.count(undone)) == (1, 1)


RELATIONS: list[tuple[str, type[Event], type[Event], str]] = [
    ("follow", Followed, Unfollowed, "following"),
    ("block", Blocked, Unblocked, "blocking"),
    ("mute", Muted, Unmuted, "muting"),
]


@pytest.mark.parametrize(("verb", "done", "undone", "flag"), RELATIONS)
async def test_a_relation_begun_twice_is_one_event_and_ended_twice_too(
    world: World, verb: str, done: type[Event], undone: type[Event], flag: str
) -> None:
    ada, bob = await world.register(), await world.register()
    told = []
    for method in ("POST", "POST", "DELETE", "DELETE"):
        answer = await bob.call(method, f"/users/{ada.user_id}/{verb}")
        assert answer.status_code == 200, answer.text
        told.append(answer.json()[flag])
    assert told == [True, True, False, False]
    assert (world.count(done), world.count(undone)) == (1, 1)


async def test_a_block_ends_both_follows_and_bars_the_other(world: World) -> None:
    ada, bob = await world.register(), await world.register()
    tweet = await ada.post("hello")
    await ada.call("POST", f"/users/{bob.user_id}/follow")
    await bob.call("POST", f"/users/{ada.user_id}/follow")
    assert (await ada.call("POST", f"/users/{bob.user_id}/block")).status_code == 200
    assert world.count(Unfollowed) == 2
    calls = [
        ("POST", f"/tweets/{tweet}/like", None),
        ("POST", f"/tweets/{tweet}/retweet", None),
        ("POST", f"/tweets/{tweet}/reply", {"content": "x"}),
        ("POST", "/tweets", {"content": "x", "quoted_tweet_id": tweet}),
        ("POST", f"/users/{ada.user_id}/follow", None),
    ]
    for method, path, body in calls:
        answer = await bob.call(method, path, body)
        assert (answer.status_code, answer.json()["code"]) == (403, "blocked"), path


async def test_no_follow_overtakes_a_block(world: World) -> None:
    ada, bob = await world.register(), await world.register()
    for _ in range(5):
        calls = [
            ada.call("POST", f"/users/{bob.user_id}/follow"),
            bob.call("POST", f"/users/{ada.user_id}/follow"),
            ada.call("POST", f"/users/{bob.user_id}/block"),
        ]
        answers = await asyncio.gather(*calls)
        assert {answer.status_code for answer in answers} <= {200, 403}
        assert answers[2].status_code == 200
        ids = [from_uuid(person.user_id) or 0 for person in (ada, bob)]
        await world.services.views.graph_fresh(*ids)
        relation = world.services.views.graph.relation(*ids)
        assert (relation.blocking, relation.following, relation.followed_by) == (True, False, False)
        await ada.call("DELETE", f"/users/{bob.user_id}/block")


async def test_a_deleted_tweet_is_gone_at_once_and_deleting_again_is_a_success(world: World) -> None:
    ada, bob = await world.register(), await world.register()
    tweet = await ada.post("hello")
    await world.services.views.tweets_fresh()
    world.projections.running.clear()  # no projection has heard of the deletion
    assert (await ada.call("DELETE", f"/tweets/{tweet}")).json() == {"tweet_id": tweet, "status": "deleted"}
    assert (await ada.call("DELETE", f"/tweets/{tweet}")).status_code == 200
    assert (await bob.call("POST", f"/tweets/{tweet}/like")).json()["code"] == "tweet_not_found"
    assert (await bob.call("DELETE", f"/tweets/{tweet}")).json()["code"] == "tweet_not_found"
    assert world.count(TweetDeleted) == 1


async def test_a_retweet_stands_for_its_original_and_its_id_undoes_it(world: World) -> None:
    ada, bob, eve = [await world.register() for _ in range(3)]
    tweet = await ada.post("hello")
    retweet = (await bob.call("POST", f"/tweets/{tweet}/retweet")).json()["retweet_id"]
    assert (await eve.call("POST", f"/tweets/{retweet}/retweet")).json()["tweet_id"] == tweet
    assert (await eve.call("POST", f"/tweets/{retweet}/like")).json()["tweet_id"] == tweet
    assert (await eve.call("DELETE", f"/tweets/{retweet}")).json()["code"] == "not_the_author"
    assert (await bob.call("DELETE", f"/tweets/{retweet}")).json()["status"] == "deleted"
    again = (await bob.call("POST", f"/tweets/{tweet}/retweet")).json()
    assert again["retweet_id"] != retweet
    assert (world.count(Retweeted), world.count(RetweetUndone)) == (3, 1)


async def test_retweets_at_the_same_moment_are_one(world: World) -> None:
    ada, bob = await world.register(), await world.register()
    tweet = await ada.post("hello")
    answers = await asyncio.gather(*(bob.call("POST", f"/tweets/{tweet}/retweet") for _ in range(8)))
    assert len({answer.json()["retweet_id"] for answer in answers}) == 1
    assert world.count(Retweeted) == 1


async def test_a_like_right_after_the_post_is_no_false_404(world: World) -> None:
    ada, bob = await world.register(), await world.register()
    for number in range(10):
        tweet = await ada.post(f"hello {number}")
        assert (await bob.call("POST", f"/tweets/{tweet}/like")).status_code == 200


async def test_an_unlike_right_after_the_like_is_not_lost(world: World) -> None:
    ada = await world.register()
    tweet = await ada.post("hello")
    for _ in range(5):
        await ada.call("POST", f"/tweets/{tweet}/like")
        await ada.call("DELETE", f"/tweets/{tweet}/like")
    assert (world.count(Liked), world.count(Unliked)) == (5, 5)


async def test_a_profile_changes_where_it_differs(world: World) -> None:
    ada = await world.register("Ada", bio="old")
    for body in ({"bio": "new", "location": "Turin"}, {"bio": "new"}, {}):
        answer = (await ada.call("PATCH", "/users/me", body)).json()
        assert (answer["bio"], answer["location"], answer["display_name"]) == ("new", "Turin", "Ada")
    assert world.count(ProfileEdited) == 1


async def test_an_email_is_on_the_log_only_under_its_owners_key(world: World) -> None:
    ada = await world.register("Ada", email="Ada@Example.org")
    (event,) = [event for event in world.events() if isinstance(event, AccountRegistered)]
    user_id = from_uuid(ada.user_id)
    assert user_id is not None
    with contextlib.closing(seals_on_files(world.services.settings)) as seals:
        assert seals.address(user_id, event.email) == "Ada@Example.org"
    stored = b"".join(path.read_bytes() for path in world.services.settings.data_dir.rglob("*.db*"))
    assert b"xample.org" not in stored
    assert b"correct horse" not in stored


class Noon:
    """No day turns here."""

    def now_ms(self) -> int:
        return 1_800_014_400_000


async def test_a_sign_in_is_said_once_a_day(tmp_path: Path) -> None:
    async with command_world(tmp_path, Noon()) as world:
        await world.register("Ada")
        for _ in range(3):
            body = {"username": "ADA", "password": "correct horse"}
            answer = await world.client.post("/api/v1/auth/login", json=body)
            assert answer.status_code == 200
            assert answer.json()["user"]["username"] == "Ada"
        assert world.count(SignedIn) == 1


async def test_commands_are_taken_while_the_projections_stand_still(tmp_path: Path) -> None:
    async with command_world(tmp_path) as world:
        ada = await world.register()
        tweet = await ada.post("one")
        await ada.call("POST", f"/tweets/{tweet}/like")
    async with command_world(tmp_path, wait_ms=20) as world:
        ada = ada._replace(client=world.client)
        world.projections.running.clear()
        assert (await ada.call("POST", "/tweets", {"content": "two @user_1"})).status_code == 201
        later = await ada.call("POST", "/tweets/01a2070a-a8f3-7000-8000-000000000000/like")
        assert (later.status_code, later.json()["code"]) == (503, "projection_behind")
        assert later.headers["Retry-After"] == "1"


async def test_a_projection_that_is_wiped_and_rebuilt_is_read_again(tmp_path: Path) -> None:
    async with command_world(tmp_path) as world:
        ada = await world.register("ada")
        tweet = await ada.post("hello")
        assert (await ada.call("POST", f"/tweets/{tweet}/like")).status_code == 200
    async with command_world(tmp_path, wait_ms=20) as world:
        ada = ada._replace(client=world.client)
        assert (await ada.call("POST", f"/tweets/{tweet}/like")).status_code == 200
        world.projections.running.clear()
        shutil.rmtree(tmp_path / "projections")
        other = Projections(world.services.settings)
        try:
            await ada.call("POST", f"/tweets/{tweet}/bookmark")  # reads the file that is gone, and falls behind
            other.catch_up()
            later = await ada.post("later")
            other.catch_up()
            told = [(await ada.call("POST", f"/tweets/{later}/bookmark")).status_code for _ in range(4)]
        finally:
            other.close()
        assert told[-1] == 200
