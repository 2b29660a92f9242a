"""What an account may do that others decided about: nothing while it is suspended; what an operator's verbs do."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from commands.standing.operator import Asked, run
from infra.journal.port import Commit
from infra.trouble import TroubleError
from schemas.accounts.events import AccountRestored, AccountSuspended, RoleChanged, VerifiedChanged
from tests.builders import suspended
from tests.command_world import PASSWORD, command_world
from tests.waiting import BOUND_SECONDS, soon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.command_world import User, World

DAY_MS = 86_400_000


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with command_world(tmp_path) as made:
        yield made


async def told(world: World, capsys: pytest.CaptureFixture[str], *asked: Any, **more: Any) -> dict[str, Any]:
    """Return what a verb prints, run beside the process that serves."""
    capsys.readouterr()
    await run(world.services.settings, Asked(*asked, **more))
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return said


async def refusal(user: User, path: str = "/tweets") -> tuple[int, str]:
    answer = await user.call("POST", path, {"content": "hello"} if path == "/tweets" else None)
    return answer.status_code, answer.json().get("code", "")


async def refused_soon(user: User, code: str) -> None:
    """Wait until this process has heard that the account's sessions have ended."""
    async with asyncio.timeout(BOUND_SECONDS):
        while (await refusal(user))[1] != code:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.01)


async def log_in(world: World, user: User) -> tuple[int, str]:
    body = {"username": user.username, "password": PASSWORD}
    answer = await world.client.post("/api/v1/auth/login", json=body)
    return answer.status_code, answer.json().get("code", "")


async def test_a_suspended_account_may_do_nothing(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    ann, bob = await world.register("Ann"), await world.register("Bob")
    said = await told(world, capsys, "suspend", "ann", reason="spam")
    assert said["after"]["status"] == "SUSPENDED"
    assert said["sessions_ended"] == 1
    assert await log_in(world, ann) == (403, "account_suspended")
    refreshed = await world.client.post("/api/v1/auth/refresh", json={"refresh_token": ann.refresh_token})
    assert refreshed.status_code == 401
    await bob.post("still here")
    await soon(lambda: world.services.views.standings.gone)
    await refused_soon(ann, "session_revoked")
    assert await refusal(ann, f"/users/{bob.user_id}/follow") == (401, "session_revoked")
    assert [it.reason for it in world.events() if isinstance(it, AccountSuspended)] == ["spam"]


async def test_a_restored_account_logs_in_again(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    ann = await world.register("Ann")
    await told(world, capsys, "suspend", "ANN", days=3)
    await told(world, capsys, "restore", "ann")
    assert await log_in(world, ann) == (200, "")
    assert world.count(AccountRestored) == 1


async def test_a_suspension_ends_by_the_clock(tmp_path: Path) -> None:
    class Clock:
        ahead_ms = 0

        def now_ms(self) -> int:
            return 1_800_000_000_000 + self.ahead_ms

    clock = Clock()
    async with command_world(tmp_path, clock) as world:
        ann = await world.register("Ann")
        await say(world, suspended(user_id_of(world, "ann"), clock.now_ms() + DAY_MS))
        assert await refusal(ann) == (403, "account_suspended")
        assert await log_in(world, ann) == (403, "account_suspended")
        clock.ahead_ms = DAY_MS
        assert await log_in(world, ann) == (200, "")


def user_id_of(world: World, name: str) -> int:
    found = world.services.journal.owner(f"username:{name}")
    assert found is not None
    return found


async def say(world: World, *events: Any) -> None:
    await world.services.journal.commit(Commit(events, (), (), 200, b"", None))
    world.projections.catch_up()


async def test_roles_and_badges_are_given_and_taken(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    await world.register("Ann")
    assert (await told(world, capsys, "promote", "ann"))["after"]["role"] == "moderator"
    assert (await told(world, capsys, "promote", "ann", admin=True))["after"]["role"] == "admin"
    assert (await told(world, capsys, "demote", "ann"))["after"]["role"] == "user"
    assert (await told(world, capsys, "verify", "ann"))["after"]["verified"] is True
    assert (await told(world, capsys, "unverify", "ann"))["after"]["verified"] is False
    assert (world.count(RoleChanged), world.count(VerifiedChanged)) == (3, 2)


async def test_a_dry_run_says_what_would_be_and_does_nothing(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    ann = await world.register("Ann")
    before = len(world.events())
    for verb in ("suspend", "restore", "promote", "demote", "verify", "unverify", "reset-password"):
        said = await told(world, capsys, verb, "ann", dry_run=True)
        assert said["dry_run"] is True
        assert said["before"]["status"] == "ACTIVE"
    assert len(world.events()) == before
    assert await log_in(world, ann) == (200, "")
    await ann.post("nothing ended")


async def test_a_reset_password_ends_all_sessions(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    ann = await world.register("Ann")
    assert await log_in(world, ann) == (200, "")
    said = await told(world, capsys, "reset-password", "ann")
    assert said["sessions_ended"] == 2
    assert await log_in(world, ann) == (401, "login_failed")
    body = {"username": "ann", "password": said["password"]}
    assert (await world.client.post("/api/v1/auth/login", json=body)).status_code == 200
    await refused_soon(ann, "session_revoked")


async def test_a_name_that_nobody_has_is_a_trouble(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TroubleError, match="no account named"):
        await told(world, capsys, "suspend", "nobody")
