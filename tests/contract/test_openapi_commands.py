"""The command API's OpenAPI document: what was released, valid, and what the bytes say."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from jsonschema_rs import Draft202012Validator

from commands.oauth.errors import TOKEN_ERRORS, OAuthProblem
from commands.openapi import document, render
from infra.http.problem_codes import PROBLEM_TYPES
from tests.command_world import command_world

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

SNAPSHOT = Path(__file__).parent / "openapi" / "commands.json"
UUID = "01a2070a-a8f3-7000-8000-000000000000"


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document()["paths"].items():
        for method, described in methods.items():
            yield method.upper(), path, described


def test_the_document_is_the_released_one() -> None:
    assert render() == SNAPSHOT.read_bytes(), "python -m commands.openapi > tests/contract/openapi/commands.json"


def test_every_operation_states_its_problems_and_says_what_it_does() -> None:
    for method, path, described in operations():
        assert described["summary"], (method, path)
        for status, answer in described["responses"].items():
            if int(status) >= 400:
                kinds = ["application/problem+json"]
                if set(TOKEN_ERRORS) & set(answer["x-codes"]):
                    kinds.append(OAuthProblem.media_type)
                assert list(answer["content"]) == kinds, (method, path, status)
                assert answer["x-codes"]
                for code in answer["x-codes"]:
                    assert PROBLEM_TYPES[code].status == int(status)
        assert {"413", "429", "500", "503"} <= set(described["responses"]), (method, path)


def test_every_string_that_is_sent_has_a_longest_length() -> None:
    schemas = document()["components"]["schemas"]
    for name, schema in schemas.items():
        if name.endswith("Body"):
            for member, kind in schema["properties"].items():
                options = kind.get("anyOf", [kind.get("items", kind)])
                assert all("maxLength" in it for it in options if it.get("type") == "string"), (name, member)


def assert_described(method: str, path: str, answer: httpx.Response) -> None:
    whole = document()
    described = whole["paths"][path][method.lower()]["responses"][str(answer.status_code)]
    content_type = answer.headers["Content-Type"].split(";")[0]
    schema = {**described["content"][content_type]["schema"], "components": whole["components"]}
    Draft202012Validator(schema, validate_formats=True).validate(answer.json())


async def test_the_bytes_are_what_the_document_says(tmp_path: Path) -> None:
    async with command_world(tmp_path) as world:
        ada, bob = await world.register("ada"), await world.register("bob")
        tweet = await bob.post("hello @ada #tag https://example.org")
        bodies: dict[str, Any] = {
            "/api/v1/tweets/{tweet_id}/reply": {"content": "yes"},
            "/api/v1/tweets": {"content": "a"},
        }
        ends = {"/api/v1/users/me/sessions": 1, "/api/v1/auth/logout": 2}
        calls = sorted(operations(), key=lambda it: (ends.get(it[1], 0), it[1] == "/api/v1/tweets/{tweet_id}"))
        for method, path, _ in calls:
            if path.startswith("/api/v1/auth/") and not path.endswith("logout"):
                continue
            for user, tweet_id, user_id in ((ada, UUID, UUID), (bob, tweet, ada.user_id)):
                ids = defaultdict(lambda: UUID, tweet_id=tweet_id, user_id=user_id)
                headers = {"Authorization": f"Bearer {user.access_token}"}
                url = path.format_map(ids)
                answer = await world.client.request(method, url, json=bodies.get(path), headers=headers)
                assert answer.status_code < 500
                assert_described(method, path, answer)
        body = {"username": "eve", "password": "correct horse"}
        session = await world.client.post("/api/v1/auth/register", json=body)
        assert_described("POST", "/api/v1/auth/register", session)
        assert_described("POST", "/api/v1/auth/login", await world.client.post("/api/v1/auth/login", json=body))
        refreshed = await world.client.post(
            "/api/v1/auth/refresh", json={"refresh_token": session.json()["refresh_token"]}
        )
        assert_described("POST", "/api/v1/auth/refresh", refreshed)


@pytest.mark.parametrize("code", PROBLEM_TYPES)
async def test_every_code_has_a_page(tmp_path: Path, code: str) -> None:
    async with command_world(tmp_path) as world:
        page = await world.client.get(f"/problems/{code}")
        assert orjson.loads(page.content)["title"] == PROBLEM_TYPES[code].title
