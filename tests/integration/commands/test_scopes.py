"""A token does what its scopes say, on every command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.auth.scopes import FIRST_PARTY, NEEDS, WRITE
from infra.auth.tokens import AccessTokens

if TYPE_CHECKING:
    from collections.abc import Collection

    import httpx

    from tests.command_world import World


async def call(world: World, method: str, path: str, scopes: Collection[str]) -> httpx.Response:
    tokens = AccessTokens(world.services.keys, world.services.clock, 900)
    headers = {"Authorization": f"Bearer {tokens.issue(1, 2, scopes=scopes)}"}
    return await world.client.request(method, path.replace("{", "").replace("}", ""), headers=headers)


async def test_every_command_refuses_a_token_without_its_scope_and_names_it(world: World) -> None:
    for path, methods in (await world.client.get("/openapi.json")).json()["paths"].items():
        for method in methods:
            needed = NEEDS[method.upper(), path].scope
            if needed is None:
                continue
            answer = await call(world, method, path, FIRST_PARTY - {needed})
            assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope"), (method, path)
            expected = f'Bearer error="insufficient_scope", scope="{needed}"'
            assert answer.headers["WWW-Authenticate"] == expected
            allowed = await call(world, method, path, {needed})
            assert allowed.json().get("code") != "insufficient_scope", (method, path)


@pytest.mark.parametrize("scopes", [frozenset[str](), {"Write"}, {"writes"}, {"*"}])
async def test_a_scope_is_taken_by_its_letter(world: World, scopes: Collection[str]) -> None:
    assert (await call(world, "POST", "/api/v1/tweets", scopes)).status_code == 403
    assert (await call(world, "POST", "/api/v1/tweets", {WRITE})).status_code == 400
