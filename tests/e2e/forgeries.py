"""Access tokens that were not issued, made with all that an outsider may know, and some with more."""

from __future__ import annotations

import base64
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from infra.auth.tokens import ALGORITHM, AUDIENCE, ISSUER, TYPE

if TYPE_CHECKING:
    from infra.auth.keys import SigningKey


def _base64(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def _by_hand(secret: bytes, header: dict[str, Any], claims: dict[str, Any]) -> str:
    text = f"{_base64(json.dumps(header).encode())}.{_base64(json.dumps(claims).encode())}"
    return f"{text}.{_base64(hmac.digest(secret, text.encode(), 'sha256'))}"


def forged(key: SigningKey, session: dict[str, Any]) -> dict[str, str]:
    """Tokens that look like a session's, by what is wrong with each."""
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "1", "sid": "1", "jti": "1", "iat": now, "exp": now + 900}
    header = {"typ": TYPE, "kid": key.kid}
    raw = key.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    pem = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def signed(changed: dict[str, Any], **more: Any) -> str:
        return jwt.encode({**claims, **changed}, key.private, ALGORITHM, {**header, **more})

    return {
        "alg none": _by_hand(b"", {**header, "alg": "none"}, claims).rpartition(".")[0] + ".",
        "HS256 by the public key": _by_hand(raw, {**header, "alg": "HS256"}, claims),
        "HS256 by its PEM": _by_hand(pem, {**header, "alg": "HS256"}, claims),
        "another key": jwt.encode(claims, Ed25519PrivateKey.generate(), ALGORITHM, header),
        "wrong kid": signed({}, kid="0001-00000000"),
        "a path as kid": signed({}, kid="../../etc/passwd"),
        "crit": signed({}, crit=["exp"]),
        "wrong typ": signed({}, typ="JWT"),
        "wrong aud": signed({"aud": "x"}),
        "wrong iss": signed({"iss": "x"}),
        "from the future": signed({"iat": now + 3600}),
        "no number": signed({"exp": float("inf")}),
        "cut short": session["access_token"][:-4],
        "too long": "a" * 60_000,
        "too deep": f"{_base64(b'[' * 1400)}.e30.e30",
        "nothing like it": "..",
        "a refresh token": session["refresh_token"],
    }


def expired(key: SigningKey) -> str:
    """A token that was good until a second ago."""
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "1", "sid": "1", "jti": "1", "iat": now - 9, "exp": now - 1}
    return jwt.encode(claims, key.private, ALGORITHM, {"typ": TYPE, "kid": key.kid})
