"""A token reads what its scopes say: every query, and every channel of streams, by a token as by a ticket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infra.auth.keys import KeyRing
from infra.auth.scopes import CHANNELS, FIRST_PARTY, NEEDS
from infra.auth.tickets import StreamTickets
from infra.auth.tokens import AccessTokens, Subject
from infra.clock import SystemClock
from tests.query_world import SESSION, World, uid

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection
    from pathlib import Path

    import httpx

ME = uid(0)
STREAM = "/stream"
FOR_EVER_MS = 1 << 50


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as made:
        made.project()
        yield made


async def get(world: World, path: str, scopes: Collection[str] | None = None, **params: Any) -> httpx.Response:
    headers = {}
    if scopes is not None:
        token = AccessTokens(KeyRing(world.settings.keys_dir), SystemClock(), 900).issue(ME, SESSION, scopes=scopes)
        headers["Authorization"] = f"Bearer {token}"
    path = path.replace("{", "").replace("}", "")
    return await world.client().get(f"http://query{path}", headers=headers, params=params)


async def test_every_query_refuses_a_token_without_its_scope_and_names_it(world: World) -> None:
    for path in world.app.openapi()["paths"]:
        needed = NEEDS["GET", path].scope
        if needed is None:
            continue
        answer = await get(world, path, FIRST_PARTY - {needed})
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope"), path
        assert answer.headers["WWW-Authenticate"] == f'Bearer error="insufficient_scope", scope="{needed}"'
        assert (await get(world, path, {needed})).json().get("code") != "insufficient_scope", path


async def test_who_may_ask_without_a_token_is_what_the_table_says(world: World) -> None:
    for path in world.app.openapi()["paths"]:
        answer = await get(world, path)
        assert (answer.status_code == 401) is NEEDS["GET", path].signed_in, path


@pytest.mark.parametrize("channel", CHANNELS)
async def test_every_channel_of_streams_needs_its_scope(world: World, channel: str) -> None:
    needed, path = CHANNELS[channel], f"/api/v1{STREAM}"
    for asked in (channel, "home,notifications,counters,trends"):
        refused = await get(world, path, FIRST_PARTY - {needed}, streams=asked)
        assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
        assert needed in refused.headers["WWW-Authenticate"]
        by_ticket = await get(world, path, streams=asked, ticket=ticket(world, FIRST_PARTY - {needed}))
        assert (by_ticket.status_code, by_ticket.json()["code"]) == (403, "insufficient_scope")
    assert (await get(world, path, {needed}, streams=channel)).status_code == 200
    assert (await get(world, path, streams=channel, ticket=ticket(world, {needed}))).status_code == 200


def ticket(world: World, scopes: Collection[str]) -> str:
    keys = KeyRing(world.settings.keys_dir)
    return StreamTickets(keys, SystemClock()).issue(Subject(ME, SESSION, frozenset(scopes), FOR_EVER_MS))
