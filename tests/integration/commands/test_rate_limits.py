"""The route table against its rate limits: one request more than the limit is a 429, whatever the caller dresses up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from fastapi.routing import APIRoute

from infra.http.rate_limits import RateClass, rate_class_of
from tests.command_world import command_world

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command_world import World

LIMIT = 3
UNLIMITED = {"/healthz", "/readyz", "/metrics", "/openapi.json", "/.well-known/jwks.json", "/problems/{code}"}
FORGED = [{}, {"X-Forwarded-For": "198.51.100.7"}, {"Forwarded": "for=198.51.100.7"}, {"X-Real-IP": "198.51.100.7"}]


def classes(world: World) -> dict[tuple[str, str], RateClass | None]:
    table = {}
    for route in world.app.routes:
        if isinstance(route, APIRoute):
            found = {rate_class_of(it.call) for it in route.dependant.dependencies} - {None}
            for method in route.methods or ():
                table[method, route.path] = next(iter(found), None)
    return table


def caller(world: World, address: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(world.app, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_every_route_of_the_api_has_a_class(world: World) -> None:
    for (method, path), rate_class in classes(world).items():
        if path in UNLIMITED:
            continue
        signs_in = path.startswith("/api/v1/auth/") and not path.endswith("/stream-tickets")
        expected = RateClass.AUTH if signs_in else RateClass.WRITE
        assert rate_class is expected, (method, path)


async def test_each_route_counts_for_its_account_or_its_address(tmp_path: Path) -> None:
    limits: dict[str, Any] = {"rate_limits": True, "rate_limit_writes_per_minute": LIMIT}
    async with command_world(tmp_path, **limits, rate_limit_auth_per_minute=1000) as world:
        routes = [route for route, rate_class in classes(world).items() if rate_class is RateClass.WRITE]
        assert len(routes) == 22
        for at, (method, path) in enumerate(routes):
            user = await world.register()
            url = path.replace("{tweet_id}", "x").replace("{user_id}", "x")
            headers = {"Authorization": f"Bearer {user.access_token}"}
            async with caller(world, f"192.0.2.{at}") as here:
                for number in range(LIMIT + 2):
                    answer = await here.request(method, url, headers={**headers, **FORGED[number % len(FORGED)]})
                    assert (answer.status_code == 429) == (number >= LIMIT), (method, path, answer.text)
                assert answer.json()["code"] == "rate_limited"
                assert 1 <= int(answer.headers["Retry-After"]) <= 60
                for other in (url + "/", url.upper()):  # other spellings are no way round: they are no routes
                    assert (await here.request(method, other, headers=headers)).status_code in {404, 405, 429}


@pytest.mark.parametrize("path", ["/api/v1/auth/login", "/api/v1/auth/register", "/api/v1/auth/refresh"])
async def test_the_auth_routes_count_for_the_address(tmp_path: Path, path: str) -> None:
    async with command_world(tmp_path, rate_limits=True, rate_limit_auth_per_minute=LIMIT) as world:
        async with caller(world, "192.0.2.1") as here:
            for number in range(LIMIT + 4):
                answer = await here.post(path, json={}, headers=FORGED[number % len(FORGED)])
                assert answer.status_code == (400 if number < LIMIT else 429)
        async with caller(world, "192.0.2.2") as elsewhere:
            assert (await elsewhere.post(path, json={})).status_code == 400


async def test_one_ipv6_network_is_one_caller(tmp_path: Path) -> None:
    async with command_world(tmp_path, rate_limits=True, rate_limit_auth_per_minute=LIMIT) as world:
        told = []
        for number in range(LIMIT + 1):
            async with caller(world, f"2001:db8:0:1:{number:x}::{number:x}") as here:
                told.append((await here.post("/api/v1/auth/login", json={})).status_code)
        async with caller(world, "2001:db8:0:2::1") as elsewhere:
            told.append((await elsewhere.post("/api/v1/auth/login", json={})).status_code)
        assert told == [400] * LIMIT + [429, 400]


async def test_only_a_trusted_proxy_is_believed_and_only_for_its_nearest_hop(tmp_path: Path) -> None:
    limits: dict[str, Any] = {"rate_limits": True, "rate_limit_auth_per_minute": 1, "trusted_proxies": "192.0.2.9"}
    async with command_world(tmp_path, **limits) as world, caller(world, "192.0.2.9") as proxy:
        told = []
        for forwarded in ("203.0.113.1", "203.0.113.2", "198.51.100.1, 203.0.113.1", "203.0.113.2, 192.0.2.9"):
            answer = await proxy.post("/api/v1/auth/login", json={}, headers={"X-Forwarded-For": forwarded})
            told.append(answer.status_code)
        assert told == [400, 400, 429, 429]


async def test_a_bad_token_does_not_escape_the_address(tmp_path: Path) -> None:
    async with command_world(tmp_path, rate_limits=True, rate_limit_writes_per_minute=1) as world:
        codes = []
        for number in range(11):
            headers = {"Authorization": f"Bearer forged{number}"}
            codes.append((await world.client.post("/api/v1/tweets", headers=headers)).status_code)
        assert codes == [401] * 10 + [429]
