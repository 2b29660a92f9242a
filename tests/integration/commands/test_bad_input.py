"""Bad input: each a 4xx problem with its code, never a 5xx."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infra.http.problem_codes import PROBLEM_TYPES

if TYPE_CHECKING:
    import httpx

    from tests.command_world import World

FOREIGN_UUID = "7d444840-9dc0-41d1-b245-5ffdce74fad2"  # a version 4, none of ours
UNKNOWN_UUID = "01a2070a-a8f3-7000-8000-000000000000"


def assert_problem(answer: httpx.Response, code: str, param: str | None = None) -> None:
    problem = answer.json()
    assert problem["code"] == code, answer.text
    assert answer.status_code == PROBLEM_TYPES[code].status == problem["status"]
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["type"] == f"/problems/{code}"
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert problem["hint"]
    if param:
        assert problem["param"] == param


TWEETS: list[tuple[Any, str, str | None]] = [
    ({"content": "a" * 281}, "text_too_long", "content"),
    ({"content": "e\u0301" * 281}, "text_too_long", "content"),
    ({"content": ""}, "text_empty", "content"),
    ({"content": " \n\u3000"}, "text_empty", "content"),
    ({"content": "a\0b"}, "text_invalid_character", "content"),
    (b'{"content": "\\ud800"}', "body_invalid", None),
    (b'{"content": "\xed\xa0\x80"}', "body_invalid", None),
    (b"", "body_invalid", None),
    (b"{", "body_invalid", None),
    (b"[" * 60_000, "body_invalid", None),
    (b"null", "body_invalid", None),
    ({}, "body_invalid", "content"),
    ({"content": 1}, "body_invalid", "content"),
    ({"content": None}, "body_invalid", "content"),
    ({"content": ["a"]}, "body_invalid", "content"),
    ({"content": "a", "colour": "red"}, "body_invalid", "colour"),
    ({"content": "a", "media_ids": [UNKNOWN_UUID]}, "media_unknown", "media_ids"),
    ({"content": "a", "media_ids": "x"}, "body_invalid", "media_ids"),
    ({"content": "a", "media_ids": [1]}, "body_invalid", "media_ids[0]"),
    ({"content": "a", "media_ids": ["x"] * 5}, "body_invalid", "media_ids"),
    ({"content": "a", "reply_to_tweet_id": UNKNOWN_UUID}, "tweet_not_found", None),
    ({"content": "a", "reply_to_tweet_id": FOREIGN_UUID}, "tweet_not_found", "reply_to_tweet_id"),
    ({"content": "a", "quoted_tweet_id": "no uuid"}, "tweet_not_found", "quoted_tweet_id"),
    ({"content": "a", "quoted_tweet_id": 7}, "body_invalid", "quoted_tweet_id"),
    ({"content": "a", "user_id": UNKNOWN_UUID}, "not_the_subject", "user_id"),
    ({"content": "a", "user_id": ""}, "not_the_subject", "user_id"),
    ({"content": "a" * 1_000_000}, "body_too_large", None),
]


@pytest.mark.parametrize(("body", "code", "param"), TWEETS, ids=lambda it: str(it)[:40])
async def test_a_bad_tweet_is_a_problem(world: World, body: Any, code: str, param: str | None) -> None:
    ada = await world.register()
    sent: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
    headers = {"Authorization": f"Bearer {ada.access_token}"}
    assert_problem(await world.client.post("/api/v1/tweets", headers=headers, **sent), code, param)


async def test_a_body_that_streams_past_the_limit_is_cut_off(world: World) -> None:
    ada = await world.register()
    headers = {"Authorization": f"Bearer {ada.access_token}", "Content-Type": "application/json"}

    async def endless() -> Any:
        for _ in range(100):
            yield b" " * 10_000

    assert_problem(await world.client.post("/api/v1/tweets", content=endless(), headers=headers), "body_too_large")


CALLS = [
    ("POST", "/tweets/{id}/like", "tweet_not_found"),
    ("DELETE", "/tweets/{id}/like", "tweet_not_found"),
    ("POST", "/tweets/{id}/retweet", "tweet_not_found"),
    ("DELETE", "/tweets/{id}/retweet", "tweet_not_found"),
    ("POST", "/tweets/{id}/bookmark", "tweet_not_found"),
    ("DELETE", "/tweets/{id}/bookmark", "tweet_not_found"),
    ("DELETE", "/tweets/{id}", "tweet_not_found"),
    ("POST", "/users/{id}/follow", "user_not_found"),
    ("DELETE", "/users/{id}/block", "user_not_found"),
    ("POST", "/users/{id}/mute", "user_not_found"),
]


@pytest.mark.parametrize("uuid", [UNKNOWN_UUID, FOREIGN_UUID, "x", "0", "%00", "%ff", "a" * 5000])
async def test_an_id_that_is_nobodys_is_a_404(world: World, uuid: str) -> None:
    ada = await world.register()
    for method, path, code in CALLS:
        assert_problem(await ada.call(method, path.format(id=uuid)), code)


async def test_nobody_acts_in_anothers_name(world: World) -> None:
    ada, bob = await world.register(), await world.register()
    tweet = await ada.post("hello")
    calls: list[tuple[str, str, Any]] = [
        ("POST", f"/tweets/{tweet}/like", {"user_id": ada.user_id}),
        ("POST", f"/tweets/{tweet}/like?user_id={ada.user_id}", None),
        ("POST", f"/users/{ada.user_id}/follow", {"follower_id": ada.user_id}),
        ("DELETE", f"/users/{ada.user_id}/follow?follower_id={ada.user_id}", None),
        ("PATCH", "/users/me", {"user_id": ada.user_id, "bio": "x"}),
        ("POST", f"/tweets/{tweet}/reply", {"user_id": ada.user_id, "content": "x"}),
    ]
    for method, path, body in calls:
        assert_problem(await bob.call(method, path, body), "not_the_subject")
    own = await bob.call("POST", f"/tweets/{tweet}/like?user_id={bob.user_id.upper()}", {"user_id": bob.user_id})
    assert own.status_code == 200


async def test_anothers_tweet_and_oneself_are_out_of_reach(world: World) -> None:
    ada, bob = await world.register(), await world.register()
    tweet = await ada.post("hello")
    assert_problem(await bob.call("DELETE", f"/tweets/{tweet}"), "not_the_author")
    for verb in ("follow", "block", "mute"):
        assert_problem(await bob.call("POST", f"/users/{bob.user_id}/{verb}"), "self_relation")
    await ada.call("DELETE", f"/tweets/{tweet}")
    assert_problem(await bob.call("POST", f"/tweets/{tweet}/like"), "tweet_not_found")
    assert_problem(await bob.call("POST", f"/tweets/{tweet}/like", [1]), "body_invalid")


REGISTRATIONS: list[tuple[dict[str, Any], str, str]] = [
    ({"username": "aDA"}, "username_taken", "username"),
    ({"username": "zed", "email": "ADA@example.ORG "}, "email_taken", "email"),
    ({"username": ""}, "username_invalid", "username"),
    ({"username": "a" * 51}, "username_invalid", "username"),
    ({"username": "\u0430da"}, "username_invalid", "username"),
    ({"username": "ada\n"}, "username_invalid", "username"),
    ({"username": "zed", "password": "short"}, "password_invalid", "password"),
    ({"username": "zed", "password": "a" * 257}, "password_invalid", "password"),
    ({"username": "zed", "email": "nobody"}, "email_invalid", "email"),
    ({"username": "zed", "bio": "a" * 161}, "profile_invalid", "bio"),
    ({"username": "zed", "display_name": "a\0"}, "profile_invalid", "display_name"),
    ({"username": "zed", "location": 5}, "body_invalid", "location"),
    ({"username": "zed", "admin": True}, "body_invalid", "admin"),
]


@pytest.mark.parametrize(("body", "code", "param"), REGISTRATIONS, ids=lambda it: str(it)[:40])
async def test_a_bad_registration_is_a_problem(world: World, body: dict[str, Any], code: str, param: str) -> None:
    await world.register("Ada", email="ada@example.org")
    answer = await world.client.post("/api/v1/auth/register", json={"password": "correct horse", **body})
    assert_problem(answer, code, param)


PROFILES: list[tuple[dict[str, Any], str]] = [
    ({"bio": "a" * 161}, "profile_invalid"),
    ({"display_name": "a" * 101}, "profile_invalid"),
    ({"profile_image_url": "javascript:alert(1)"}, "profile_invalid"),
    ({"banner_image_url": "https://a.example/" + "a" * 2048}, "profile_invalid"),
    ({"username": "other"}, "body_invalid"),
]


@pytest.mark.parametrize(("body", "code"), PROFILES, ids=lambda it: str(it)[:30])
async def test_a_bad_profile_is_a_problem(world: World, body: dict[str, Any], code: str) -> None:
    ada = await world.register()
    assert_problem(await ada.call("PATCH", "/users/me", body), code)


async def test_bad_headers_are_problems(world: World) -> None:
    ada = await world.register()
    for key in ("", "a b", "a" * 129):
        answer = await ada.call("POST", "/tweets", {"content": "x"}, Idempotency_Key=key)
        assert_problem(answer, "idempotency_key_invalid")
    for token in ("", "made up", "AQEA" * 8, "x" * 5000):
        answer = await ada.call("POST", "/tweets", {"content": "x"}, X_Consistency_Token=token)
        assert_problem(answer, "consistency_token_invalid")


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/api/v1/tweets", "method_not_allowed"),
        ("PUT", "/api/v1/users/me", "method_not_allowed"),
        ("POST", "/api/v1/tweets/", "route_not_found"),
        ("POST", "/API/V1/tweets", "route_not_found"),
        ("GET", "/", "route_not_found"),
        ("POST", "/api/v1/tweets/%2e%2e/like", "token_missing"),
    ],
)
async def test_a_path_that_is_none_is_a_problem(world: World, method: str, path: str, code: str) -> None:
    assert_problem(await world.client.request(method, path), code)
