"""RFC 8725, JSON Web Token best current practices, point by point; docs/oauth.md names what has no test, and why.

Each test is named by the section that it holds. Tokens are forged with the installation's own key where that is what an
attacker could get signed, and with others where it is not.
"""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.auth.tickets import StreamTickets
from infra.auth.tokens import MAX_TOKEN_CHARS, AccessTokens
from tests.oauth_world import register

if TYPE_CHECKING:
    from tests.command_world import World


def claims(**changed: Any) -> dict[str, Any]:
    """What a good token says, but for what is changed; None leaves a claim out."""
    now = int(time.time())
    good = {
        "iss": "murmuration",
        "aud": "murmuration-api",
        "sub": "1",
        "sid": "1",
        "jti": "1",
        "iat": now,
        "exp": now + 600,
        "scope": "read write",
    } | changed
    return {name: value for name, value in good.items() if value is not None}


def signed(world: World, said: dict[str, Any] | bytes, **header: Any) -> str:
    """What our key signs, whatever it is: no library looks at it first."""
    key = world.services.keys.signing()
    head = part({"typ": "at+jwt", "kid": key.kid, "alg": "EdDSA", **header})
    payload = encoded(said) if isinstance(said, bytes) else part(said)
    return f"{head}.{payload}.{encoded(key.private.sign(f'{head}.{payload}'.encode()))}"


def part(content: object) -> str:
    return encoded(json.dumps(content).encode())


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


async def taken(world: World, token: str) -> str:
    """What comes of a command with this token: the code, `text_empty` where the token was believed."""
    headers = {"Authorization": f"Bearer {token}"}
    answer = await world.client.post("/api/v1/tweets", json={"content": ""}, headers=headers)
    return str(answer.json()["code"])


async def test_a_token_as_it_should_be_is_believed(world: World) -> None:
    assert await taken(world, signed(world, claims())) == "text_empty"


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", "HS256", "ES256", "RS256", "Ed25519", ""])
async def test_3_1_the_algorithm_is_ours_not_the_tokens(world: World, algorithm: str) -> None:
    good = signed(world, claims())
    header = part({"typ": "at+jwt", "kid": world.services.keys.signing().kid, "alg": algorithm})
    for signature in (good.split(".")[2], ""):
        assert await taken(world, f"{header}.{good.split('.')[1]}.{signature}") == "token_invalid"


async def test_3_1_a_public_key_is_no_secret(world: World) -> None:
    key = world.services.keys.signing()
    raw = key.private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    forged = jwt.encode(claims(), raw, "HS256", {"typ": "at+jwt", "kid": key.kid})
    assert await taken(world, forged) == "token_invalid"


async def test_3_2_only_one_algorithm_is_used_and_a_strong_one(world: World) -> None:
    assert jwt.get_unverified_header((await world.register()).access_token)["alg"] == "EdDSA"
    kid = world.services.keys.signing().kid
    for private, algorithm in (
        (rsa.generate_private_key(65537, 2048), "PS256"),
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
    ):
        forged = jwt.encode(claims(), private, algorithm, {"typ": "at+jwt", "kid": kid})
        assert await taken(world, forged) == "token_invalid"


async def test_3_3_every_token_is_verified_whole(world: World) -> None:
    header, payload, signature = signed(world, claims()).split(".")
    by_another = encoded(Ed25519PrivateKey.generate().sign(f"{header}.{payload}".encode()))
    for forged in (
        f"{header}.{payload}.{by_another}",
        f"{header}.{part(claims(sub='2'))}.{signature}",
        f"{header}.{payload}.{signature[:-4]}AAAA",
        f"{header}.{payload}.",
        f"{header}.{payload}",
        f"{header}.{payload}.{signature}.{signature}",
        f"{header}..{signature}",
    ):
        assert await taken(world, forged) == "token_invalid", forged


@pytest.mark.parametrize("said", ["[]", '"text"', "1", "null", '{"sub": "1"', "{}", "\ufeff{}"])
async def test_3_4_what_is_signed_is_looked_at_before_it_is_believed(world: World, said: str) -> None:
    assert await taken(world, signed(world, said.encode())) == "token_invalid"


async def test_3_4_a_token_is_refused_by_its_length_before_it_is_parsed(world: World) -> None:
    assert await taken(world, signed(world, claims(pad="a" * MAX_TOKEN_CHARS))) == "token_invalid"
    assert await taken(world, "." * MAX_TOKEN_CHARS) == "token_invalid"


def test_3_5_keys_and_secrets_are_random_and_long(world: World) -> None:
    raw = world.services.keys.signing().private.private_bytes_raw()
    assert len(raw) == 32
    assert len(set(raw)) > 8


async def test_3_6_nothing_compressed_or_encrypted_is_taken(world: World) -> None:
    assert await taken(world, signed(world, claims(), zip="DEF", crit=["zip"])) == "token_invalid"
    kid = world.services.keys.signing().kid
    header = part({"alg": "dir", "enc": "A256GCM", "zip": "DEF", "typ": "at+jwt", "kid": kid})
    assert await taken(world, f"{header}.{'.'.join(['e30'] * 4)}") == "token_invalid"


async def test_3_7_tokens_are_utf_8(world: World) -> None:
    token = (await world.register()).access_token
    assert all(base64.urlsafe_b64decode(it + "==").decode().startswith("{") for it in token.split(".")[:2])
    assert (
        await taken(world, signed(world, json.dumps(claims(), ensure_ascii=False).encode() + b"\xff"))
        == "token_invalid"
    )


@pytest.mark.parametrize(
    "changed",
    [{"iss": "evil"}, {"iss": ["murmuration"]}, {"iss": None}, {"sub": "ada"}, {"sub": ""}, {"sub": 1}, {"sub": None}],
    ids=str,
)
async def test_3_8_issuer_and_subject_are_checked(world: World, changed: dict[str, Any]) -> None:
    assert await taken(world, signed(world, claims(**changed))) == "token_invalid"


@pytest.mark.parametrize("audience", ["evil", "murmuration-stream", "", None, 1])
async def test_3_9_the_audience_is_this_api(world: World, audience: object) -> None:
    assert await taken(world, signed(world, claims(aud=audience))) == "token_invalid"


@pytest.mark.parametrize("kid", ["../../etc/passwd", "' OR 1=1 --", "", "0", "x" * 500, 1, None, ["a"], {"a": 1}])
async def test_3_10_a_key_is_only_looked_up_among_ours(world: World, kid: object) -> None:
    header = part({"typ": "at+jwt", "kid": kid, "alg": "EdDSA"})
    assert await taken(world, f"{header}.{part(claims())}.AAAA") == "token_invalid"


async def test_3_10_a_key_that_the_token_brings_along_or_links_to_is_not_used(world: World) -> None:
    private = Ed25519PrivateKey.generate()
    raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    kid = world.services.keys.signing().kid
    for brought in (
        {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": x}},
        {"jku": "http://127.0.0.1:1/jwks.json"},
        {"x5u": "http://127.0.0.1:1/cert.pem"},
    ):
        forged = jwt.encode(claims(), private, "EdDSA", {"typ": "at+jwt", "kid": kid, **brought})
        assert await taken(world, forged) == "token_invalid"


async def test_3_10_what_is_critical_and_not_understood_is_refused(world: World) -> None:
    for critical in (["exp"], ["b64"], [], "exp"):
        assert await taken(world, signed(world, claims(), crit=critical, b64=False)) == "token_invalid"


@pytest.mark.parametrize("kind", ["JWT", "jwt", "AT+JWT", "application/at+jwt", "stream-ticket+jwt", "", None])
async def test_3_11_the_type_is_said_and_checked(world: World, kind: str | None) -> None:
    assert await taken(world, signed(world, claims(), typ=kind)) == "token_invalid"


async def test_3_12_one_kind_of_token_is_never_taken_for_another(world: World) -> None:
    ada = await world.register()
    app = await register(ada)
    tokens = await app.tokens(ada)
    who = world.services.verifier.verify(ada.access_token)
    ticket = StreamTickets(world.services.keys, world.services.clock).issue(who)
    for other in (ticket, ada.refresh_token, tokens["refresh_token"], await app.code(ada), app.client_id):
        assert await taken(world, other) == "token_invalid"
    for other in (ticket, ada.access_token, tokens["access_token"]):
        answer = await world.client.post("/api/v1/auth/refresh", json={"refresh_token": other})
        assert answer.json()["code"] == "refresh_token_invalid"
        assert (await app.refresh(other)).json()["error"] == "invalid_grant"
    assert (await app.refresh(await app.code(ada))).json()["error"] == "invalid_grant"
    assert (await app.redeem(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_3_12_time_is_checked_and_every_claim_has_to_be_there(world: World) -> None:
    now = int(time.time())
    assert await taken(world, signed(world, claims(exp=now - 1))) == "token_expired"
    assert await taken(world, signed(world, claims(iat=now + 3600))) == "token_invalid"
    for missing in ("exp", "iat", "iss", "aud", "sub", "sid", "jti"):
        assert await taken(world, signed(world, claims(**{missing: None}))) == "token_invalid"
    for name, value in (("exp", "soon"), ("exp", 1e400), ("iat", "x"), ("sid", "x"), ("client_id", "x")):
        assert await taken(world, signed(world, claims(**{name: value}))) == "token_invalid", name


async def test_a_token_without_scopes_may_nothing(world: World) -> None:
    for scope in (None, "", "everything", ["write"], "write,read"):
        assert await taken(world, signed(world, claims(scope=scope))) == "insufficient_scope"


def test_tokens_are_short(world: World) -> None:
    tokens = AccessTokens(world.services.keys, world.services.clock, 900)
    assert len(tokens.issue(1 << 62, 1 << 62, app_id=1 << 62)) < MAX_TOKEN_CHARS // 2
