"""Who may act for an account: seen and ended by its owner, and by a new password."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from infra.auth.revocations import SqliteRevocations
from tests.command_world import PASSWORD, User, command_world
from tests.oauth_world import PATIENT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.command_world import World

NEW = "another horse"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with command_world(tmp_path, **PATIENT) as opened:
        yield opened


async def log_in(world: World, user: User, password: str = PASSWORD, agent: str = "A browser") -> User:
    body = {"username": user.username, "password": password}
    headers: Any = {"User-Agent": agent.encode("latin-1")}
    answer = await world.client.post("/api/v1/auth/login", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    tokens = answer.json()
    return user._replace(access_token=tokens["access_token"], refresh_token=tokens["refresh_token"])


async def acts(user: User) -> bool:
    return (await user.call("POST", "/tweets", {"content": "x"})).status_code == 201


async def refreshes(user: User) -> bool:
    body = {"refresh_token": user.refresh_token}
    return (await user.client.post("/api/v1/auth/refresh", json=body)).status_code == 200


async def sessions(user: User) -> list[dict[str, Any]]:
    answer = await user.call("GET", "/users/me/sessions")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["sessions"]
    return found


async def test_an_owner_sees_the_sessions_that_go_on_and_which_one_asks(world: World) -> None:
    ada, bob = await world.register(), await world.register()
    other = await log_in(world, ada, agent="Firefox \x85 on a ship")
    shown = await sessions(other)
    assert [it["current"] for it in shown] == [False, True]
    assert shown[1]["agent"].startswith("Firefox")
    assert shown[1]["agent"].isprintable()
    assert shown[0]["opened_at"] < shown[0]["expires_at"]
    assert await sessions(bob) != shown


async def test_an_owner_ends_one_session_at_once(world: World) -> None:
    ada, bob = await world.register(), await world.register()
    other = await log_in(world, ada)
    gone = next(it["session_id"] for it in await sessions(ada) if not it["current"])
    assert (await bob.call("DELETE", f"/users/me/sessions/{gone}")).json()["code"] == "session_not_found"
    assert await acts(other)
    assert (await ada.call("DELETE", f"/users/me/sessions/{gone}")).json() == {"sessions": 1, "status": "ended"}
    assert not await acts(other)
    assert not await refreshes(other)
    assert await acts(ada)
    assert (await ada.call("DELETE", f"/users/me/sessions/{gone}")).status_code == 404
    assert (await ada.call("DELETE", "/users/me/sessions/nonsense")).status_code == 404


async def test_a_log_out_everywhere_ends_all_of_ones_own_sessions_and_nobody_elses(world: World) -> None:
    ada, bob = await world.register(), await world.register()
    other = await log_in(world, ada)
    elsewhere = SqliteRevocations(world.services.settings.credentials_path, 0)
    assert (await ada.call("DELETE", "/users/me/sessions")).json() == {"sessions": 2, "status": "ended"}
    for user in (ada, other):
        assert not await acts(user)
        assert not await refreshes(user)
        assert world.services.verifier._verified[user.access_token].session_id in elsewhere
    elsewhere.close()
    assert await acts(bob)


async def test_a_new_password_ends_all_other_sessions(world: World) -> None:
    ada = await world.register()
    other = await log_in(world, ada)
    body = {"current": PASSWORD, "new": NEW}
    assert (await ada.call("POST", "/auth/password", body)).json() == {"sessions": 1, "status": "ended"}
    assert await acts(ada)
    assert not await acts(other)
    assert not await refreshes(other)
    assert await refreshes(ada)
    await log_in(world, ada, NEW)
    old = {"username": ada.username, "password": PASSWORD}
    assert (await world.client.post("/api/v1/auth/login", json=old)).json()["code"] == "login_failed"


async def test_a_password_is_changed_by_whoever_knows_it_and_to_what_can_be_one(world: World) -> None:
    ada = await world.register()
    for current, new, status, code in (
        ("wrong", NEW, 403, "password_wrong"),
        (PASSWORD, "short", 400, "password_invalid"),
        (PASSWORD, "x" * 257, 400, "password_invalid"),
    ):
        answer = await ada.call("POST", "/auth/password", {"current": current, "new": new})
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    await log_in(world, ada)


async def test_a_log_in_by_the_old_password_does_not_outlive_the_change(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password is right when it is looked at, and another by the time that the session is there."""
    ada, registry = await world.register(), world.services.registry
    matching_hash, changed = registry.matching_hash, False

    async def change_meanwhile(user_id: int | None, password: str) -> str | None:
        nonlocal changed
        matched = await matching_hash(user_id, password)
        if not changed:
            changed = True
            assert (await ada.call("POST", "/auth/password", {"current": PASSWORD, "new": NEW})).status_code == 200
        return matched

    monkeypatch.setattr(registry, "matching_hash", change_meanwhile)
    body = {"username": ada.username, "password": PASSWORD}
    answer = await world.client.post("/api/v1/auth/login", json=body)
    assert answer.json()["code"] == "login_failed"
    assert [it["current"] for it in await sessions(ada)] == [True]


async def test_many_log_ins_beside_a_change_leave_none_of_the_old_password(world: World) -> None:
    ada = await world.register()
    body = {"username": ada.username, "password": PASSWORD}
    post = partial(world.client.post, "/api/v1/auth/login", json=body)
    change = ada.call("POST", "/auth/password", {"current": PASSWORD, "new": NEW})
    *before, changed, after = await asyncio.gather(*(post() for _ in range(20)), change, post())
    assert changed.status_code == 200
    for answer in (*before, after):
        if answer.status_code == 200:
            assert not await acts(ada._replace(access_token=answer.json()["access_token"]))
    assert [it["current"] for it in await sessions(ada)] == [True]
