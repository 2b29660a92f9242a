"""The route tables of both APIs against their rate limits: limit + 1 is a 429, whatever the caller dresses up as."""

from __future__ import annotations

import itertools
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from commands.openapi import bare_app
from infra.auth.scopes import FIRST_PARTY, MODERATE, NEEDS, PUBLIC
from infra.auth.tokens import AccessTokens
from infra.http.rate_limits import ACCOUNTS_PER_ADDRESS, RateClass, RateLimits
from infra.settings import Settings
from schemas.ids import from_uuid
from tests import builders
from tests.command_world import command_world
from tests.query_world import World, uid
from tests.route_table import rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from fastapi import FastAPI

    from commands.services import Services
    from tests.command_world import World as CommandWorld
    from tests.route_table import Row

LIMIT = 2
LIMITS: dict[str, Any] = {name: LIMIT for name in Settings.model_fields if name.startswith("rate_limit_")}
LIMITS["rate_limits"] = True
BY_ACCOUNT = {RateClass.WRITE, RateClass.UPLOAD}
PROXY = "192.0.2.250"
FORGED = [
    {},
    {"X-Forwarded-For": "198.51.100.7"},
    {"Forwarded": "for=198.51.100.7;proto=https"},
    {"X-Real-IP": "198.51.100.7", "True-Client-IP": "198.51.100.8", "CF-Connecting-IP": "198.51.100.9"},
    {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "localhost", "X-Original-URL": "/healthz"},
]
AUTH_ROUTES = {
    ("POST", "/api/v1/auth/login"),
    ("POST", "/api/v1/auth/logout"),
    ("POST", "/api/v1/auth/refresh"),
    ("POST", "/api/v1/auth/register"),
}
"""What may be guessed at is counted for the address alone, and strictly; further routes may be."""
ME = uid(1)
_session = itertools.count(1)


def limit_of(row: Row, *, signed_in: bool) -> int:
    """How many requests in a row are let in, of one account (or nobody) at one address."""
    known = signed_in and NEEDS[row[:2]] != PUBLIC  # of a public route nobody is asking
    if row.rate_class is RateClass.OPEN or (row.rate_class in BY_ACCOUNT and not known):
        return LIMIT * ACCOUNTS_PER_ADDRESS
    return LIMIT


def caller(app: FastAPI, address: str, **headers: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, client=(address, 1), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers)


@asynccontextmanager
async def commands(folder: Path, **settings: Any) -> AsyncIterator[CommandWorld]:
    async with command_world(folder, **{**LIMITS, **settings}) as world:
        world.app.state.rate_limits = fresh(world.app)
        yield world


@asynccontextmanager
async def queries(folder: Path, **settings: Any) -> AsyncIterator[World]:
    async with World(folder, **{**LIMITS, **settings}) as world:
        await world.given(builders.registered(ME))
        yield world


def test_every_route_has_a_class() -> None:
    """`dependencies=[limited(RateClass.…)]` of the route or its router, or `limited_subject(…)`, gives it one."""
    table = rows(bare_app())
    assert [
        f"{row} has no rate class: give it one with limited(RateClass.…)" for row in table if not row.rate_class
    ] == []
    assert {row[:2] for row in table if row.rate_class is RateClass.AUTH} >= AUTH_ROUTES


async def test_every_route_of_the_query_api_has_a_class(tmp_path: Path) -> None:
    async with queries(tmp_path) as world:
        table = rows(world.app)
        assert [f"{row} has no rate class: limited(RateClass.READ), say" for row in table if not row.rate_class] == []
        assert {row.rate_class for row in table if row.path.startswith("/api/")} == {RateClass.READ}


async def test_limit_and_one_is_a_429_for_every_route_of_the_commands(tmp_path: Path) -> None:
    async with commands(tmp_path) as world:
        for at, row in enumerate(rows(world.app)):
            world.app.state.rate_limits.enabled = False
            person = await world.register()
            world.app.state.rate_limits = fresh(world.app)
            most = limit_of(row, signed_in=True)
            await exceed(world.app, row, f"192.0.2.{at + 1}", most, bearer_of(world.services, person.user_id))


async def test_limit_and_one_is_a_429_for_every_route_of_the_queries(tmp_path: Path) -> None:
    async with queries(tmp_path) as world:
        bearer = world.client(ME).headers["Authorization"]
        for at, row in enumerate(rows(world.app)):
            for sent in (bearer, ""):
                world.app.state.rate_limits = fresh(world.app)
                await exceed(
                    world.app, row, f"192.0.2.{at + 1}", limit_of(row, signed_in=bool(sent)), partial(str, sent)
                )


def bearer_of(services: Services, user_id: str) -> Callable[[], str]:
    """Tokens of a session each: some routes end the session that asks."""
    tokens, subject = AccessTokens(services.keys, services.clock, 900), from_uuid(user_id)
    assert subject is not None
    scopes = FIRST_PARTY | {MODERATE}
    return lambda: f"Bearer {tokens.issue(subject, next(_session), scopes=scopes)}"


def fresh(app: FastAPI) -> Any:
    """Limits of which nothing is used up, at whose place time stands still: a busy machine fills no bucket."""
    return RateLimits(app.state.services.settings, now_s=lambda: 0.0)


async def exceed(app: FastAPI, row: Row, address: str, most: int, bearer: Callable[[], str]) -> None:
    """Ask until there is a 429, dressed up otherwise each time; then try to get round it."""
    async with caller(app, address) as here:

        async def ask(url: str, **forged: str) -> httpx.Response:
            told = bearer()
            sent = {"Authorization": told} if told else {}
            return await here.request(row.method, url, headers={**sent, **forged})

        for number in range(most):
            answer = await ask(row.url, **FORGED[number % len(FORGED)])
            assert answer.status_code != 429, (str(row), number)
            assert answer.headers["RateLimit"].split(";r=")[1].split(";")[0] == str(most - number - 1), str(row)
        for forged in FORGED:
            answer = await ask(row.url, **forged)
            assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited"), (str(row), forged)
            assert 1 <= int(answer.headers["Retry-After"]) <= 60
            assert answer.headers["RateLimit-Policy"].endswith(";w=60")
        for other in variants(row.url):
            assert (await ask(other)).status_code in {404, 405, 429}, (str(row), other)


def variants(url: str) -> list[str]:
    """Other spellings of a path, which are no way round: they are no routes, or the same one."""
    upper = url.upper() if url.upper() != url else url + "/x/x/x"
    return [f"{url}/" if url != "/" else "//", upper, f"/{url}", f"{url}?x=1", url[:1] + url[1:].replace("/", "%2F")]


@pytest.mark.parametrize("path", ["/api/v1/auth/login", "/api/v1/auth/register", "/api/v1/auth/refresh"])
async def test_the_auth_routes_count_for_the_address(tmp_path: Path, path: str) -> None:
    async with commands(tmp_path) as world:
        async with caller(world.app, "192.0.2.1") as here:
            told = [(await here.post(path, json={})).status_code for _ in range(LIMIT + 2)]
        async with caller(world.app, "192.0.2.2") as elsewhere:
            told.append((await elsewhere.post(path, json={})).status_code)
        assert told == [400] * LIMIT + [429] * 2 + [400]


async def log_ins(app: FastAPI, addresses: list[str], **headers: str) -> list[int]:
    told = []
    for address in addresses:
        async with caller(app, address, **headers) as here:
            told.append((await here.post("/api/v1/auth/login", json={})).status_code)
    return told


async def test_one_ipv6_network_is_one_caller(tmp_path: Path) -> None:
    async with commands(tmp_path) as world:
        same = [f"2001:db8:0:1:{number:x}::{number:x}" for number in range(LIMIT + 1)]
        assert await log_ins(world.app, [*same, "2001:db8:0:2::1"]) == [400] * LIMIT + [429, 400]


async def test_an_ipv4_address_is_the_same_inside_ipv6(tmp_path: Path) -> None:
    async with commands(tmp_path) as world:
        same = ["192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201"]
        assert await log_ins(world.app, [*same, "::ffff:192.0.2.2"]) == [400, 400, 429, 400]


async def test_only_a_trusted_proxy_is_believed_and_only_for_its_nearest_hop(tmp_path: Path) -> None:
    limits = {"rate_limit_auth_per_minute": 1, "trusted_proxies": f"{PROXY}/31, 2001:db8::/48"}
    async with commands(tmp_path, **limits) as world:
        told = []
        for hops in (
            "203.0.113.1",
            "203.0.113.2",
            "198.51.100.1, 203.0.113.1",
            f"203.0.113.2, {PROXY}",
            "x, 2001:db8::7",
        ):
            told += await log_ins(world.app, [PROXY], **{"X-Forwarded-For": hops})
        assert told == [400, 400, 429, 429, 400]
        forged = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.10"}
        assert await log_ins(world.app, ["192.0.2.1", "192.0.2.1"], **forged) == [400, 429]  # who is none is not heard


async def test_a_bad_token_does_not_escape_the_address(tmp_path: Path) -> None:
    async with commands(tmp_path, rate_limit_writes_per_minute=1) as world:
        codes = []
        for number in range(ACCOUNTS_PER_ADDRESS + 1):
            headers = {"Authorization": f"Bearer forged{number}"}
            codes.append((await world.client.post("/api/v1/tweets", headers=headers)).status_code)
        assert codes == [401] * ACCOUNTS_PER_ADDRESS + [429]


async def test_who_is_refused_is_not_counted(tmp_path: Path) -> None:
    async with commands(tmp_path) as world:
        told = await log_ins(world.app, ["192.0.2.1"] * 20)
        assert told == [400] * LIMIT + [429] * (20 - LIMIT)
        async with caller(world.app, "192.0.2.1") as here:
            answer = await here.post("/api/v1/auth/login", json={})
        assert int(answer.headers["Retry-After"]) <= 60 / LIMIT
