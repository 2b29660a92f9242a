"""Sessions and tokens: what is believed, what is refused, and when it ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.auth.credentials import SqliteCredentials
from infra.auth.revocations import SqliteRevocations
from infra.auth.scopes import NEEDS
from tests.command_world import PASSWORD, command_world

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

    from tests.command_world import User, World

CLAIMS = {"iss": "murmuration", "aud": "murmuration-api", "sub": "1", "sid": "1", "jti": "1"}


def fresh(**more: Any) -> dict[str, Any]:
    now = int(time.time())
    return {**CLAIMS, "iat": now, "exp": now + 600, **more}


def signed(world: World, claims: dict[str, Any], **header: Any) -> str:
    key = world.services.keys.signing()
    return jwt.encode(claims, key.private, "EdDSA", {"typ": "at+jwt", "kid": key.kid, **header})


def without(claim: str) -> dict[str, Any]:
    return {name: value for name, value in fresh().items() if name != claim}


def by_public_key_as_secret(world: World) -> str:
    raw = (
        world.services.keys.signing()
        .private.public_key()
        .public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    )
    kid = world.services.keys.signing().kid
    return jwt.encode(fresh(), raw, "HS256", {"typ": "at+jwt", "kid": kid})


FORGERIES: dict[str, tuple[Callable[[World], str], str]] = {
    "not a token": (lambda _: "abc", "token_invalid"),
    "empty": (lambda _: "", "token_invalid"),
    "no algorithm": (lambda _: jwt.encode(fresh(), "", "none", {"typ": "at+jwt"}), "token_invalid"),
    "the public key as a secret": (by_public_key_as_secret, "token_invalid"),
    "an unknown key": (
        lambda world: jwt.encode(
            fresh(),
            Ed25519PrivateKey.generate(),
            "EdDSA",
            {"typ": "at+jwt", "kid": world.services.keys.signing().kid},
        ),
        "token_invalid",
    ),
    "an unknown kid": (lambda world: signed(world, fresh(), kid="../../etc/passwd"), "token_invalid"),
    "another type": (lambda world: signed(world, fresh(), typ="JWT"), "token_invalid"),
    "crit": (lambda world: signed(world, fresh(), crit=["exp"], exp=1), "token_invalid"),
    "another issuer": (lambda world: signed(world, fresh(iss="evil")), "token_invalid"),
    "another audience": (lambda world: signed(world, fresh(aud="evil")), "token_invalid"),
    "a subject that is no id": (lambda world: signed(world, fresh(sub="ada")), "token_invalid"),
    "from the future": (lambda world: signed(world, fresh(iat=int(time.time()) + 3600)), "token_invalid"),
    "expired": (lambda world: signed(world, fresh(exp=int(time.time()) - 1)), "token_expired"),
    "too long": (lambda world: signed(world, fresh(pad="a" * 4000)), "token_invalid"),
    **{
        f"without {claim}": (lambda world, claim=claim: signed(world, without(claim)), "token_invalid")  # type: ignore[misc]
        for claim in ("exp", "iat", "iss", "aud", "sub", "sid", "jti")
    },
}


@pytest.mark.parametrize("name", FORGERIES)
async def test_a_forged_token_is_a_401(world: World, name: str) -> None:
    make, code = FORGERIES[name]
    headers = {"Authorization": f"Bearer {make(world)}"}
    answer = await world.client.post("/api/v1/tweets", json={"content": "x"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("value", ["Basic YTpi", "Bearer", "\u00e4"])
async def test_another_scheme_is_a_401(world: World, value: str) -> None:
    headers = {"Authorization": value.encode("latin-1")}
    answer = await world.client.post("/api/v1/tweets", json={"content": "x"}, headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 401


async def test_no_token_is_a_401_on_every_route_but_those_that_hand_one_out(world: World) -> None:
    for path, methods in (await world.client.get("/openapi.json")).json()["paths"].items():
        for method in methods:
            if not NEEDS[method.upper(), path].signed_in:
                continue
            answer = await world.client.request(method, path.replace("{", "").replace("}", ""))
            assert (answer.status_code, answer.json()["code"]) == (401, "token_missing"), path


async def refresh(world: World, token: str) -> httpx.Response:
    return await world.client.post("/api/v1/auth/refresh", json={"refresh_token": token})


async def may_act(user: User, token: str) -> bool:
    return (await user._replace(access_token=token).call("POST", "/tweets", {"content": "x"})).status_code == 201


async def test_a_refresh_token_is_good_once_and_its_reuse_ends_the_session(world: World) -> None:
    ada = await world.register()
    first = (await refresh(world, ada.refresh_token)).json()
    assert await may_act(ada, first["access_token"])
    reused = await refresh(world, ada.refresh_token)
    assert (reused.status_code, reused.json()["code"]) == (401, "refresh_token_reused")
    assert (await refresh(world, first["refresh_token"])).json()["code"] == "refresh_token_invalid"
    assert not await may_act(ada, first["access_token"])
    assert not await may_act(ada, ada.access_token)


async def test_a_log_out_ends_this_session_at_once_and_no_other(world: World) -> None:
    ada = await world.register("ada")
    body = {"username": "ada", "password": PASSWORD}
    other = (await world.client.post("/api/v1/auth/login", json=body)).json()
    assert await may_act(ada, ada.access_token)
    assert (await ada.call("POST", "/auth/logout")).json() == {"status": "logged_out"}
    assert not await may_act(ada, ada.access_token)
    assert (await refresh(world, ada.refresh_token)).json()["code"] == "refresh_token_invalid"
    assert await may_act(ada, other["access_token"])


async def test_another_process_hears_of_a_log_out_at_once(world: World) -> None:
    ada = await world.register()
    session = world.services.verifier.verify(ada.access_token).session_id
    elsewhere = SqliteRevocations(world.services.settings.credentials_path, 0)
    assert session not in elsewhere
    await ada.call("POST", "/auth/logout")
    assert session in elsewhere
    assert session in SqliteRevocations(world.services.settings.credentials_path, 0)
    elsewhere.close()


async def test_a_wrong_name_and_a_wrong_password_are_answered_alike(world: World) -> None:
    await world.register("ada")
    told = []
    for name, password in (("ada", "wrong horse"), ("eve", PASSWORD), ("\0", ""), ("a" * 8000, "x")):
        answer = await world.client.post("/api/v1/auth/login", json={"username": name, "password": password})
        problem = answer.json()
        del problem["request_id"]
        told.append((answer.status_code, problem))
    assert all(it == told[0] for it in told)
    assert told[0][1]["code"] == "login_failed"


async def test_a_rotated_key_signs_while_the_old_one_still_verifies(world: World) -> None:
    ada = await world.register("ada")
    world.services.keys.rotate()
    bob = await world.register("bob")
    kids = {jwt.get_unverified_header(user.access_token)["kid"] for user in (ada, bob)}
    published = (await world.client.get("/.well-known/jwks.json")).json()["keys"]
    assert kids == {key["kid"] for key in published}
    assert await may_act(ada, ada.access_token)
    assert await may_act(bob, bob.access_token)


async def test_tokens_and_names_outlive_the_process(tmp_path: Path) -> None:
    async with command_world(tmp_path) as world:
        ada = await world.register("ada")
    async with command_world(tmp_path) as world:
        assert await may_act(ada._replace(client=world.client), ada.access_token)
        assert (await refresh(world, ada.refresh_token)).status_code == 200
        again = await world.client.post("/api/v1/auth/register", json={"username": "ADA", "password": PASSWORD})
        assert again.json()["code"] == "username_taken"


async def test_a_full_disk_refuses_sessions_as_it_refuses_commands(world: World) -> None:
    await world.register("ada")
    credentials = world.services.registry._credentials
    assert isinstance(credentials, SqliteCredentials)
    db = credentials._db
    db.execute(f"PRAGMA max_page_count = {db.pragma('page_count')}")
    login = {"username": "ada", "password": PASSWORD}
    for _ in range(200):  # until what was left of the last pages is used up
        answer = await world.client.post("/api/v1/auth/login", json=login)
        if answer.status_code != 200:
            break
    assert (answer.status_code, answer.json()["code"]) == (503, "log_unavailable")
    db.execute("PRAGMA max_page_count = 1000000")
    assert (await world.client.post("/api/v1/auth/login", json=login)).status_code == 200
