"""Idempotency keys, consistency tokens, and what a crash between two steps leaves behind."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from infra.auth.credentials import SWEEP_AFTER_MS, SqliteCredentials
from infra.clock import SystemClock
from infra.journal.port import ANSWERS_KEPT_MS
from infra.log.port import LogUnavailableError
from schemas.accounts.events import AccountRegistered
from schemas.engagements.events import Liked
from schemas.tweets.events import TweetPosted
from tests.command_world import PASSWORD, command_world

if TYPE_CHECKING:
    from pathlib import Path

    from infra.journal.port import Answer, Commit
    from tests.command_world import World

POST = ("POST", "/tweets", {"content": "once"})


class Died(BaseException):
    """The process ends here."""


async def test_one_key_at_the_same_moment_is_one_event_and_one_answer(world: World) -> None:
    ada = await world.register()
    answers = await asyncio.gather(*(ada.call(*POST, Idempotency_Key="k") for _ in range(10)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers["X-Consistency-Token"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == 9
    assert world.count(TweetPosted) == 1


async def test_a_key_belongs_to_its_account_its_path_and_its_body(world: World) -> None:
    ada, bob = await world.register(), await world.register()
    tweet = (await ada.call(*POST, Idempotency_Key="k")).json()["tweet_id"]
    assert (await bob.call(*POST, Idempotency_Key="k")).json()["tweet_id"] != tweet
    for path, body in (("/tweets", {"content": "other"}), (f"/tweets/{tweet}/reply", {"content": "once"})):
        answer = await ada.call("POST", path, body, Idempotency_Key="k")
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


async def test_an_answer_stays_although_the_world_has_changed(world: World) -> None:
    ada, bob = await world.register(), await world.register()
    tweet = await ada.post("hello")
    first = await bob.call("POST", f"/tweets/{tweet}/like", Idempotency_Key="k")
    again = await bob.call("POST", f"/tweets/{tweet}/like", Idempotency_Key="k2")
    await bob.call("DELETE", f"/tweets/{tweet}/like")
    await ada.call("DELETE", f"/tweets/{tweet}")
    for key, earlier in (("k", first), ("k2", again)):
        repeated = await bob.call("POST", f"/tweets/{tweet}/like", Idempotency_Key=key)
        assert repeated.content == earlier.content
        assert repeated.status_code == 200
    assert world.count(Liked) == 1


async def test_a_refusal_is_not_kept(world: World) -> None:
    ada = await world.register()
    assert (await ada.call("POST", "/tweets", {"content": ""}, Idempotency_Key="k")).status_code == 400
    assert (await ada.call(*POST, Idempotency_Key="k")).status_code == 201


async def test_registering_with_one_key_is_one_account_that_the_password_opens(world: World) -> None:
    async def register(password: str, bio: str = "") -> tuple[int, str]:
        body = {"username": "Ada", "password": password, "bio": bio}
        headers = {"Idempotency-Key": "k"}
        answer = (await world.client.post("/api/v1/auth/register", json=body, headers=headers)).json()
        return answer.get("status", 201), answer.get("code") or answer["user"]["user_id"]

    told = await asyncio.gather(*(register(PASSWORD) for _ in range(4)))
    assert len(set(told)) == 1
    assert told[0][0] == 201
    assert await register(PASSWORD) == told[0]
    assert await register("wrong horse") == (422, "idempotency_key_reused")
    assert await register(PASSWORD, bio="other") == (422, "idempotency_key_reused")
    assert world.count(AccountRegistered) == 1


async def test_answers_are_forgotten_after_a_day(world: World) -> None:
    ada = await world.register()
    first = await ada.call(*POST, Idempotency_Key="k")
    now_ms = SystemClock().now_ms()
    await world.services.journal.prune(now_ms + ANSWERS_KEPT_MS - 60_000)
    assert (await ada.call(*POST, Idempotency_Key="k")).content == first.content
    await world.services.journal.prune(now_ms + ANSWERS_KEPT_MS + 60_000)
    assert (await ada.call(*POST, Idempotency_Key="k")).content != first.content


async def test_a_command_sees_what_the_token_it_sends_names(world: World) -> None:
    ada, bob = await world.register(), await world.register()
    await bob.call("POST", f"/users/{ada.user_id}/mute")
    blocked = await ada.call("POST", f"/users/{bob.user_id}/block")
    token = blocked.headers["X-Consistency-Token"]
    answer = await bob.call("POST", f"/users/{ada.user_id}/follow", X_Consistency_Token=token)
    assert answer.json()["code"] == "blocked"


async def test_a_registration_that_dies_before_its_event_leaves_the_name_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(_: Commit) -> Answer:
        raise Died

    async with command_world(tmp_path) as world:
        monkeypatch.setattr(world.services.journal, "commit", die)
        with pytest.raises(Died):
            await world.register("ada", email="a@example.org")
    async with command_world(tmp_path) as world:
        body = {"username": "ada", "password": PASSWORD}
        assert (await world.client.post("/api/v1/auth/login", json=body)).json()["code"] == "login_failed"
        await world.register("Ada", email="a@example.org")
        credentials = world.services.registry._credentials
        assert isinstance(credentials, SqliteCredentials)
        later_ms = SystemClock().now_ms() + SWEEP_AFTER_MS + 1
        credentials.sweep(later_ms, world.services.journal.owner)
        kept = credentials._db.execute("SELECT confirmed FROM accounts").fetchall()
        assert kept == [(1,)]
        assert (await world.client.post("/api/v1/auth/login", json=body)).status_code == 200


async def test_a_registration_that_dies_after_its_event_is_an_account_whose_owner_logs_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: object, **__: object) -> None:
        raise Died

    async with command_world(tmp_path) as world:
        monkeypatch.setattr(world.services.registry, "begin_session", die, raising=True)
        with pytest.raises(Died):
            await world.register("ada")
    async with command_world(tmp_path) as world:
        body = {"username": "ada", "password": PASSWORD}
        assert (await world.client.post("/api/v1/auth/login", json=body)).status_code == 200
        assert (await world.client.post("/api/v1/auth/register", json=body)).json()["code"] == "username_taken"


async def test_a_log_that_cannot_be_written_is_a_503_and_nothing_is_posted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await world.register()

    async def refuse(*_: object) -> None:
        raise LogUnavailableError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(world.services.journal._log, "append", refuse)  # type: ignore[attr-defined]
        answer = await ada.call(*POST, Idempotency_Key="k")
        assert (answer.status_code, answer.json()["code"]) == (503, "log_unavailable")
        assert (await world.client.get("/readyz")).status_code == 503
    assert (await world.client.get("/readyz")).status_code == 200
    assert (await ada.call(*POST, Idempotency_Key="k")).status_code == 201
