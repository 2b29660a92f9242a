"""Whatever ends what an app may do ends its open streams within a second, at another process than was told."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.command_world import User
from tests.e2e.people import PASSWORD
from tests.oauth_world import App, register
from tests.stream_clients import STREAM, Events

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from tests.e2e.conftest import Starting
    from tests.e2e.system import System

SOON_S = 1.0  # the promise; a busy machine may take a little longer to close a socket
BUSY_S = 2.0

Tokens = dict[str, Any]


@pytest.fixture(scope="module")
def system(starting: Starting, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with starting(tmp_path_factory.mktemp("grants") / "data", wait_ms="8000") as running:
        yield running


@pytest.fixture
async def client(system: System) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=60, base_url=system.commands) as made:
        yield made


async def somebody(client: httpx.AsyncClient) -> User:
    body = {"username": f"owner_{random.getrandbits(32):x}", "password": PASSWORD}
    said = (await client.post("/api/v1/auth/register", json=body)).json()
    return User(client, said["user"]["user_id"], said["user"]["username"], said["access_token"], said["refresh_token"])


async def shut_out(owner: User, app: App, _: Tokens) -> object:
    return await owner.call("DELETE", f"/users/me/apps/{app.client_id}")


async def log_out_everywhere(owner: User, _app: App, _: Tokens) -> object:
    return await owner.call("DELETE", "/users/me/sessions")


async def change_password(owner: User, _app: App, _: Tokens) -> object:
    return await owner.call("POST", "/auth/password", {"current": PASSWORD, "new": "another horse"})


async def revoke(_: User, app: App, tokens: Tokens) -> object:
    return await app.revoke(tokens["refresh_token"])


async def use_the_code_again(_: User, app: App, tokens: Tokens) -> object:
    return await app.redeem(tokens["code"])


async def use_a_refresh_token_again(_: User, app: App, tokens: Tokens) -> object:
    await app.refresh(tokens["refresh_token"])
    return await app.refresh(tokens["refresh_token"])


WAYS = [shut_out, log_out_everywhere, change_password, revoke, use_the_code_again, use_a_refresh_token_again]


@pytest.mark.parametrize("end", WAYS, ids=lambda way: way.__name__)
async def test_the_streams_and_requests_of_an_app_end_within_a_second(
    system: System, client: httpx.AsyncClient, end: Callable[[User, App, Tokens], Awaitable[object]]
) -> None:
    owner = await somebody(client)
    app = await register(owner)
    code = await app.code(owner, password=PASSWORD, scope="read")
    tokens = {"code": code, **(await app.redeem(code)).json()}
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    async with client.stream("GET", f"{system.query}{STREAM}", headers=headers) as response:
        events = Events(response)
        assert (await events.next()).event == "ready"
        await end(owner, app, tokens)
        began = time.monotonic()
        async with asyncio.timeout(SOON_S + BUSY_S):
            while (await client.get(f"{system.query}/api/v1/timeline/home", headers=headers)).status_code != 401:
                pass
        assert [it.data for it in await events.ended()] == [{"reason": "session_ended"}]
        assert time.monotonic() - began < SOON_S + BUSY_S
    again = await client.get(f"{system.query}{STREAM}", headers=headers)
    assert (again.status_code, again.json()["code"]) == (401, "session_revoked")
