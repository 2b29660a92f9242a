"""Access tokens: JWTs (RFC 9068 `at+jwt`, EdDSA) that say which account acts, in which session, for a short time.

The checks follow RFC 8725: a fixed list of algorithms, an explicit type, issuer and audience, all claims required,
no `crit` understood, and a limit of size before anything is parsed.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

import jwt

from infra.auth.scopes import FIRST_PARTY
from schemas.ids import from_uuid, to_uuid

if TYPE_CHECKING:
    from collections.abc import Collection

    from infra.auth.keys import KeyRing
    from infra.auth.revocations import Revocations
    from infra.clock import Clock

ALGORITHM = "EdDSA"
TYPE = "at+jwt"
ISSUER = "murmuration"
AUDIENCE = "murmuration-api"
REQUIRED = ["exp", "iat", "iss", "aud", "sub", "sid", "jti"]
MAX_TOKEN_CHARS = 2048  # ours have some 450
CACHED_TOKENS = 20_000  # about 20 MB; a signature costs 84 µs, a look-up 0.1
LEEWAY_MS = 5_000  # of clocks, for `iat` alone


class Subject(NamedTuple):
    """Who is asking, and until when that may be believed (unix milliseconds)."""

    user_id: int
    session_id: int
    scopes: frozenset[str]
    expires_at_ms: int
    app_id: int = 0
    """The app that acts for the account; 0: its owner."""


class TokenError(Exception):
    """The token is refused; `code` names the problem: token_invalid, token_expired or session_revoked."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(detail or code)
        self.code = code


class AccessTokens:
    """Issues access tokens."""

    def __init__(self, keys: KeyRing, clock: Clock, lifetime_s: int) -> None:
        self._keys = keys
        self._clock = clock
        self.lifetime_s = lifetime_s

    def issue(
        self,
        user_id: int,
        session_id: int,
        lifetime_s: int | None = None,
        scopes: Collection[str] = FIRST_PARTY,
        app_id: int = 0,
    ) -> str:
        """Return a token for an account's session, signed by the newest key."""
        key = self._keys.signing()
        now_s = self._clock.now_ms() // 1000
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "sid": str(session_id),
            "jti": secrets.token_hex(8),
            "iat": now_s,
            "exp": now_s + (self.lifetime_s if lifetime_s is None else lifetime_s),
            "scope": " ".join(sorted(scopes)),
            **({"client_id": to_uuid(app_id)} if app_id else {}),
        }
        return jwt.encode(claims, key.private, ALGORITHM, {"typ": TYPE, "kid": key.kid})


class AccessTokenVerifier:
    """Verifies access tokens; a signature once verified is remembered, expiry and revocation are checked each time."""

    def __init__(self, keys: KeyRing, revocations: Revocations, clock: Clock) -> None:
        self._keys = keys
        self._revocations = revocations
        self._clock = clock
        self._verified: OrderedDict[str, Subject] = OrderedDict()

    def verify(self, token: str) -> Subject:
        """Return who is asking; raises TokenError."""
        subject = self._verified.get(token)
        if subject is None:
            subject = self._verified[token] = self._check(token)
            if len(self._verified) > CACHED_TOKENS:
                self._verified.popitem(last=False)
        if self._clock.now_ms() >= subject.expires_at_ms:
            self._verified.pop(token, None)
            raise TokenError("token_expired")
        if subject.session_id in self._revocations:
            raise TokenError("session_revoked")
        return subject

    def _check(self, token: str) -> Subject:
        if len(token) > MAX_TOKEN_CHARS:
            raise TokenError("token_invalid", f"a token has at most {MAX_TOKEN_CHARS} characters")
        try:
            claims = signed_claims(token, self._keys, TYPE, AUDIENCE, REQUIRED)
            user_id, session_id = int(claims["sub"]), int(claims["sid"])
            scopes = frozenset(str(claims.get("scope", "")).split())
            app_id = from_uuid(str(claims["client_id"])) if "client_id" in claims else 0
            issued_ms, expires_ms = int(claims["iat"]) * 1000, int(claims["exp"]) * 1000
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise TokenError("token_invalid", str(error)) from error
        if app_id is None:
            raise TokenError("token_invalid", "the token names no app of ours")
        if issued_ms > self._clock.now_ms() + LEEWAY_MS:
            raise TokenError("token_invalid", "the token was issued in the future")
        return Subject(user_id, session_id, scopes, expires_ms, app_id)


def signed_claims(token: str, keys: KeyRing, kind: str, audience: str, required: list[str]) -> dict[str, Any]:
    """Return the claims of a token of this kind that a key of ours signed, expired or not.

    Raises TokenError or PyJWTError.
    """
    header = jwt.get_unverified_header(token)
    if header.get("typ") != kind or header.get("alg") != ALGORITHM or "crit" in header:
        raise TokenError("token_invalid", f"the token is not of type {kind}, signed by {ALGORITHM}")
    key = keys.public(str(header.get("kid")))
    if key is None:
        raise TokenError("token_invalid", "the token names no key of ours")
    options: Any = {"require": required, "verify_exp": False, "verify_iat": False}  # against our own clock
    return jwt.decode(token, key, [ALGORITHM], options, audience=audience, issuer=ISSUER)
