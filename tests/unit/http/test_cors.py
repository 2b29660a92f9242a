from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request

from infra.http import problems
from infra.http.cors import Cors
from infra.http.middleware import Edge
from infra.settings import Settings

OWN = "http://127.0.0.1:8001"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}


def client(**settings: Any) -> httpx.AsyncClient:
    app = FastAPI()

    @app.post("/tweets")
    async def tweets(request: Request) -> dict[str, bool]:
        await request.body()
        return {"done": True}

    problems.install(app)
    app.add_middleware(Edge, max_body_bytes=100, timeout_s=1)
    app.add_middleware(Cors, settings=Settings(**settings))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000")


CASES = [
    ({}, OWN, True),
    ({}, "http://localhost:8001", False),  # asked at 127.0.0.1
    ({}, "https://127.0.0.1:8001", False),
    ({}, "http://127.0.0.1:8002", False),
    ({}, "http://127.0.0.1.evil.example:8001", False),
    ({}, "null", False),
    ({"query_port": 9001}, "http://127.0.0.1:9001", True),
    ({"pages_origins": "https://flock.example, https://b.example/"}, "https://flock.example", True),
    ({"pages_origins": "https://flock.example, https://b.example/"}, "https://b.example", True),
    ({"pages_origins": "https://flock.example"}, OWN, False),
    ({"pages_origins": "https://flock.example"}, "https://flock.example.evil.example", False),
]


@pytest.mark.parametrize(("settings", "origin", "may"), CASES)
async def test_only_pages_of_known_origins_may_send_commands(settings: dict[str, Any], origin: str, may: bool) -> None:
    async with client(**settings) as opened:
        asked = await opened.options("/tweets", headers={"Origin": origin, **PREFLIGHT})
        done = await opened.post("/tweets", headers={"Origin": origin})
    for answer in (asked, done):
        assert answer.headers.get("Access-Control-Allow-Origin") == (origin if may else None)
        assert "Access-Control-Allow-Credentials" not in answer.headers  # no cookies: a token says who acts
    assert asked.status_code == (204 if may else 405)
    assert ("Authorization" in asked.headers.get("Access-Control-Allow-Headers", "")) is may


async def test_the_host_that_was_asked_counts_with_any_name() -> None:
    async with client() as opened:
        sent = {"Origin": "http://[::1]:8001", "Host": "[::1]:8000"}
        assert (await opened.post("/tweets", headers=sent)).headers["Access-Control-Allow-Origin"] == sent["Origin"]


async def test_a_page_is_told_of_problems_and_of_the_consistency_token() -> None:
    async with client() as opened:
        answer = await opened.post("/tweets", headers={"Origin": OWN}, content=b"x" * 101)
    assert answer.json()["code"] == "body_too_large"
    assert answer.headers["Access-Control-Allow-Origin"] == OWN
    assert "X-Consistency-Token" in answer.headers["Access-Control-Expose-Headers"]
    assert answer.headers["Vary"] == "Origin"


async def test_who_is_no_browser_is_answered_as_ever() -> None:
    async with client() as opened:
        answer = await opened.post("/tweets")
    assert answer.json() == {"done": True}
    assert not [name for name in answer.headers if name.startswith("access-control")]
