from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest
from fastapi import FastAPI, Request, Response
from prometheus_client import REGISTRY
from pydantic import BaseModel

from infra.auth.bearer import KEPT
from infra.auth.tokens import Subject
from infra.http import problems
from infra.http.callers import Callers
from infra.http.middleware import Edge
from infra.json_logs import ACCESS, FIELDS, JsonFormatter
from infra.settings import Settings
from schemas.ids import first_id_at, to_uuid

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECRET = "s3cr3t-of-the-database"


class Body(BaseModel):
    number: int


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI(redirect_slashes=False)

    @app.get("/items/{item}")
    async def item(item: str, limit: int = 5) -> dict[str, Any]:
        if item == "slow":
            await asyncio.sleep(60)
        if item == "broken":
            raise RuntimeError(SECRET)
        return {"item": item, "limit": limit}

    @app.post("/items")
    async def body(body: Body) -> dict[str, int]:
        return {"number": body.number}

    @app.post("/raw")
    async def raw(request: Request) -> Response:
        return Response(await request.body(), headers={"Cache-Control": "private"})

    problems.install(app)
    app.add_middleware(Edge, max_body_bytes=100, timeout_s=1.0)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as opened:
        yield opened


CASES: list[tuple[str, str, dict[str, Any], int, str, str | None]] = [
    ("GET", "/items/slow", {}, 503, "request_timeout", None),
    ("GET", "/items/broken", {}, 500, "internal_error", None),
    ("GET", "/items/x?limit=many", {}, 400, "parameter_invalid", "limit"),
    ("POST", "/items", {"content": b"{"}, 400, "body_invalid", None),
    ("POST", "/items", {"json": {"number": "x"}}, 400, "body_invalid", "number"),
    ("POST", "/items", {"json": {"number": 1, "pad": "x" * 200}}, 413, "body_too_large", None),
    ("POST", "/raw", {"content": b"x" * 101}, 413, "body_too_large", None),
    ("PUT", "/items", {}, 405, "method_not_allowed", None),
    ("GET", "/nowhere", {}, 404, "route_not_found", None),
    ("GET", "/items/x/", {}, 404, "route_not_found", None),
]


@pytest.mark.parametrize(("method", "path", "sent", "status", "code", "param"), CASES)
async def test_whatever_goes_wrong_is_a_problem_that_gives_nothing_away(
    client: httpx.AsyncClient, method: str, path: str, sent: dict[str, Any], status: int, code: str, param: str | None
) -> None:
    answer = await client.request(method, path, headers={"Content-Type": "application/json"}, **sent)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem.get("param")) == (status, code, param)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert SECRET not in answer.text
    assert "Traceback" not in answer.text


async def test_a_body_of_exactly_the_limit_passes(client: httpx.AsyncClient) -> None:
    assert (await client.post("/raw", content=b"x" * 100)).content == b"x" * 100


async def test_answers_carry_safe_headers_and_keep_their_own(client: httpx.AsyncClient) -> None:
    plain, own = await client.get("/items/x"), await client.post("/raw")
    assert plain.headers["X-Content-Type-Options"] == "nosniff"
    assert plain.headers["Cache-Control"] == "no-store"
    assert own.headers["Cache-Control"] == "private"


@pytest.mark.parametrize(("sent", "kept"), [("abc-1", True), ("a" * 65, False), ("a b", False), ('"}\n', False)])
async def test_a_request_id_is_the_callers_if_it_is_harmless(client: httpx.AsyncClient, sent: str, kept: bool) -> None:
    answer = await client.get("/items/x", headers={"X-Request-Id": sent.replace("\n", "")})
    assert (answer.headers["X-Request-Id"] == sent) is kept


async def test_metrics_know_routes_and_not_paths(client: httpx.AsyncClient) -> None:
    labels = {"method": "GET", "route": "/items/{item}", "status": "200"}
    before = REGISTRY.get_sample_value("murmur_http_requests_total", labels) or 0
    for number in range(3):
        await client.get(f"/items/{number}")
    await client.get("/made/up/path")
    await client.request("BREW", "/items/1")
    assert REGISTRY.get_sample_value("murmur_http_requests_total", labels) == before + 3
    seen = {str(sample.labels) for metric in REGISTRY.collect() for sample in metric.samples}
    assert not any("made" in it or "BREW" in it for it in seen)


async def test_the_log_has_the_error_under_its_request_and_nothing_that_was_sent(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        answer = await client.get("/items/broken?token=hunter2", headers={"Authorization": "Bearer hunter2"})
        await client.post("/raw", content=b"hunter2")
    ours = [record for record in caplog.records if record.name.startswith(("murmuration", "infra"))]
    lines = [orjson.loads(JsonFormatter().format(record)) for record in ours]
    (error,) = [line for line in lines if line["level"] == "ERROR"]
    assert error["request_id"] == answer.headers["X-Request-Id"]
    assert SECRET in error["error"]
    assert [line["status"] for line in lines if line["message"] == "request"] == [500, 200]
    assert "hunter2" not in str(lines)


async def test_the_log_says_who_was_refused_and_from_where(caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()

    @app.get("/refused")
    async def refused(request: Request) -> Response:
        request.scope[KEPT] = Subject(first_id_at(1_700_000_000_000), 1, frozenset(), 0)
        return Response(status_code=403)

    @app.get("/open")
    async def opened() -> Response:
        return Response()

    app.add_middleware(Edge, max_body_bytes=100, timeout_s=1, callers=Callers(Settings()))
    transport = httpx.ASGITransport(app, client=("2001:db8::7", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        with caplog.at_level(logging.INFO, ACCESS):
            await client.get("/refused")
            await client.get("/open")
    told = [getattr(record, FIELDS) for record in caplog.records if record.name == ACCESS]
    assert (told[0]["from"], told[0]["user_id"]) == ("2001:db8::/64", to_uuid(first_id_at(1_700_000_000_000)))
    assert not {"from", "user_id"} & set(told[1])  # who reads what is nobody's affair


async def test_a_caller_who_goes_away_mid_body_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        del send
        await Request(scope, receive).body()

    messages = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        raise AssertionError(message)  # there is nobody to answer

    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    await Edge(app, max_body_bytes=1000, timeout_s=5)(scope, receive, send)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
