"""The OpenAPI document is what the API does: a snapshot, real answers against their schemas, and reading only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema_rs import Draft202012Validator
from msgspec.structs import replace

from schemas.accounts.events import RoleChanged
from schemas.engagements.events import Bookmarked
from schemas.ids import to_uuid
from tests import builders
from tests.builders import envelope
from tests.query_world import World, tweet_id, uid

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SNAPSHOT = Path(__file__).parent / "openapi" / "query.json"
ME, ANN, BOB = (uid(n) for n in range(3))
ROOT = (tweet_id(1), ANN)
UPLOAD = tweet_id(7)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as made:
        await made.given(
            *(builders.registered(user) for user in (ME, ANN, BOB)),
            builders.followed(ME, ANN),
            builders.followed(ANN, ME),
            builders.followed(BOB, ANN),
            builders.posted(ANN, ROOT[0]),
            replace(builders.posted(ANN, tweet_id(2), quoted=ROOT), media=[builders.attachment(tweet_id(6), "video")]),
            builders.uploaded(ME, UPLOAD),
            builders.ready(ME, UPLOAD),
            builders.posted(ANN, tweet_id(3), reply_to=(ROOT[0], ANN)),
            builders.retweeted(ANN, tweet_id(4), (tweet_id(2), ANN)),
            builders.retweeted(BOB, tweet_id(5), ROOT),
            builders.liked(ME, ROOT),
            builders.liked(BOB, ROOT),
            Bookmarked(envelope(), *ROOT, ME),
            Bookmarked(envelope(), tweet_id(2), ANN, ME),
            RoleChanged(envelope(), ME, "moderator"),
            builders.reported(ROOT[0], ANN, by=BOB),
            builders.moderated(ANN, tweet_id(3), label="satire"),
        )
        yield made


async def test_the_document_equals_its_snapshot(world: World) -> None:
    """A change of the API writes the snapshot anew, in the same commit: `python -m tests.contract.openapi.query`."""
    assert world.app.openapi() == json.loads(SNAPSHOT.read_text())


def operations(world: World) -> dict[str, dict[str, Any]]:
    paths: dict[str, dict[str, Any]] = world.app.openapi()["paths"]
    return {path: methods["get"] for path, methods in paths.items()}


def validator(world: World, schema: dict[str, Any]) -> Draft202012Validator:
    whole = {**schema, "components": world.app.openapi()["components"]}
    return Draft202012Validator(whole, validate_formats=True)


VARIANTS: dict[str, list[dict[str, Any]]] = {
    "/api/v1/timeline/home": [{}, {"limit": 1}, {"ranking": "top", "explain": True}, {"ranking": "top"}],
    "/api/v1/search/tweets": [{"q": "hello"}, {"q": "hello", "limit": 1}],
    "/api/v1/search/users": [{"q": "user"}, {"q": "user", "limit": 1}],
    "/api/v1/trends/history": [{"day": "2023-11-14"}, {"day": "2023-11-14", "by": "authors"}, {"topic": "cats"}],
}


async def test_every_answer_fits_its_schema(world: World) -> None:
    for path, operation in operations(world).items():
        place = path.format(
            tweet_id=to_uuid(ROOT[0]),
            user_id=to_uuid(ANN),
            name="user_" + str(ANN),
            case_id=to_uuid(ROOT[0]),
            media_id=to_uuid(UPLOAD),
        )
        for params in VARIANTS.get(path, [{}, {"limit": 1}] if "limit" in json.dumps(operation) else [{}]):
            answer = await world.client(ME, "moderator").get(f"http://query{place}", params=params)
            assert answer.status_code == 200, (path, answer.text)
            said = operation["responses"]["200"]
            if "text/event-stream" in said["content"]:
                continue  # tests/integration/live
            validator(world, said["content"]["application/json"]["schema"]).validate(answer.json())
            for header, about in said.get("headers", {}).items():
                assert not about.get("required") or header in answer.headers


async def test_problems_fit_their_schema_and_are_documented(world: World) -> None:
    for path, operation in operations(world).items():
        place = path.format(tweet_id="x", user_id="x", name="nobody", case_id="x", media_id="x")
        for params in ({"limit": -1}, {"cursor": "x"}, {"max_id": "x"}, {"wait_ms": "x"}, {}):
            answer = await world.client().get(f"http://query{place}", params=params)
            if answer.status_code != 200:
                said = operation["responses"][str(answer.status_code)]
                assert f"`{answer.json()['code']}`" in said["description"], path
                schema = said["content"]["application/problem+json"]["schema"]
                validator(world, schema).validate(answer.json())


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
async def test_what_does_not_read_is_not_allowed(world: World, method: str) -> None:
    for path in (*operations(world), "/nowhere"):
        answer = await world.client(ME).request(method, f"http://query{path}")
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


async def test_a_head_is_the_get_without_its_body(world: World) -> None:
    for path in ("/healthz", f"/api/v1/tweets/{to_uuid(ROOT[0])}", "/api/v1/tweets/x"):
        got, head = await world.client().get(f"http://query{path}"), await world.client().head(f"http://query{path}")
        assert (head.status_code, head.content) == (got.status_code, b"")
        assert head.headers["Content-Length"] == got.headers["Content-Length"]


async def test_options_are_answered(world: World) -> None:
    answer = await world.client().options("/timeline/home")
    assert (answer.status_code, answer.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")


async def test_one_more_than_the_limit_is_told_when_to_come_back(tmp_path: Path) -> None:
    async with World(tmp_path, rate_limit_reads_per_minute=3) as made:
        await made.given(builders.registered(ME))
        client = made.client(ME)
        answers = [await client.get("/users/me") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert int(answers[3].headers["Retry-After"]) > 0
