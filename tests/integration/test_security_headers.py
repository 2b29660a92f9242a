"""What every answer of both APIs tells a browser, whatever its route, its status and who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from infra.http.cors import METHODS
from tests.command_world import command_world
from tests.query_world import World
from tests.route_table import rows

if TYPE_CHECKING:
    from pathlib import Path

    from fastapi import FastAPI

PROXY = "192.0.2.250"
TRUSTED: dict[str, Any] = {"trusted_proxies": PROXY}
API_POLICY = "default-src 'none'; frame-ancestors 'none'"
HTTPS = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.1"}


async def check(app: FastAPI) -> None:
    """Ask every route, and some that are none, as a stranger behind a proxy of ours."""
    paths = [(row.method, row.url) for row in rows(app)]
    odd = [("GET", "/nowhere"), ("POST", "/nowhere"), ("TRACE", "/"), ("OPTIONS", "/"), ("HEAD", "/healthz")]
    transport = httpx.ASGITransport(app, client=(PROXY, 1), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for method, url in [*paths, *odd]:
            answer = await client.request(method, url, headers=HTTPS)
            told = answer.headers
            assert told["X-Content-Type-Options"] == "nosniff", url
            assert told["Referrer-Policy"] in {"no-referrer", "same-origin"}, url
            assert "frame-ancestors 'none'" in told["Content-Security-Policy"], url
            assert "unsafe" not in told["Content-Security-Policy"], url
            assert told["Cross-Origin-Resource-Policy"] in {"same-origin", "same-site", "cross-origin"}, url
            assert told["Strict-Transport-Security"] == "max-age=31536000", url
            assert told["X-Request-Id"], url
            assert not {"server", "x-powered-by", "set-cookie"} & set(told), url
            if told.get("Content-Type", "").startswith("application/"):
                assert told["Content-Security-Policy"] == API_POLICY, url
                assert told["Cache-Control"] == "no-store", url


async def test_every_answer_of_the_commands(tmp_path: Path) -> None:
    async with command_world(tmp_path, **TRUSTED) as world:
        await check(world.app)


async def test_every_answer_of_the_queries(tmp_path: Path) -> None:
    async with World(tmp_path, rate_limits=False, **TRUSTED) as world:
        await check(world.app)


@pytest.mark.parametrize("sent", [{}, {"X-Forwarded-Proto": "https"}, {"Forwarded": "proto=https"}])
async def test_nobody_but_a_trusted_proxy_makes_browsers_keep_to_https(tmp_path: Path, sent: dict[str, str]) -> None:
    async with command_world(tmp_path, **TRUSTED) as world:
        answer = await world.client.get("/healthz", headers=sent)
        assert "Strict-Transport-Security" not in answer.headers


async def test_pages_may_send_every_kind_of_command(tmp_path: Path) -> None:
    async with command_world(tmp_path) as world:
        asked = {row.method for row in rows(world.app)}
    assert asked <= set(METHODS.split(", "))
