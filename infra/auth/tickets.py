"""Tickets: what a browser opens a stream with, as it can send no header along. Good once, and for half a minute.

A ticket says who, in which session, with which scopes, and until when the access token that it was taken with is good:
a stream opened by it tells no more, and lasts no longer. It is for streams alone (a type and an audience of its own),
and no access token is a ticket.

It is spent in a folder that all query processes of a machine share, by making a file that must not be there yet. What
remains: query processes that share no data folder do not know of each other's, so that whoever gets hold of a ticket
within its life may spend it once at each of those machines.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import time
from typing import TYPE_CHECKING

import jwt

from infra.auth.tokens import ALGORITHM, ISSUER, LEEWAY_MS, MAX_TOKEN_CHARS, Subject, TokenError, signed_claims

if TYPE_CHECKING:
    from pathlib import Path

    from infra.auth.keys import KeyRing
    from infra.auth.revocations import Revocations
    from infra.clock import Clock

TYPE = "stream-ticket+jwt"
AUDIENCE = "murmuration-stream"
LIFETIME_S = 30
REQUIRED = ["exp", "iat", "iss", "aud", "sub", "sid", "jti", "until", "scope"]
_JTI = re.compile(r"[0-9a-f]{32}")
_SWEEP_S = 30.0


class StreamTickets:
    """Gives tickets."""

    def __init__(self, keys: KeyRing, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    def issue(self, subject: Subject) -> str:
        """Return a ticket for whoever holds an access token."""
        key = self._keys.signing()
        now_s = self._clock.now_ms() // 1000
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(subject.user_id),
            "sid": str(subject.session_id),
            "jti": secrets.token_hex(16),
            "iat": now_s,
            "exp": now_s + LIFETIME_S,
            "until": subject.expires_at_ms,
            "scope": " ".join(sorted(subject.scopes)),
        }
        return jwt.encode(claims, key.private, ALGORITHM, {"typ": TYPE, "kid": key.kid})


class SpentTickets:
    """Which tickets were used, by their ids, for as long as they are good."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._swept_at = float("-inf")

    def spend(self, jti: str) -> bool:
        """Use a ticket; False where it was used before."""
        self._sweep()
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._folder / jti).touch(mode=0o600, exist_ok=False)
        except FileExistsError:
            return False
        return True

    def _sweep(self) -> None:
        now = time.monotonic()
        if now - self._swept_at < _SWEEP_S or not self._folder.is_dir():
            return
        self._swept_at = now
        before = time.time() - 2 * LIFETIME_S - LEEWAY_MS / 1000
        for path in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another process sweeps too
                if path.stat().st_mtime < before:
                    path.unlink()


class TicketVerifier:
    """Takes tickets, each once."""

    def __init__(self, keys: KeyRing, revocations: Revocations, clock: Clock, spent: SpentTickets) -> None:
        self._keys = keys
        self._revocations = revocations
        self._clock = clock
        self._spent = spent

    def take(self, ticket: str) -> Subject:
        """Return whose ticket it is, and spend it; raises TokenError."""
        subject, jti = self._check(ticket)
        if subject.session_id in self._revocations:
            raise TokenError("session_revoked")
        if not self._spent.spend(jti):
            raise TokenError("ticket_invalid", "the ticket was used before")
        return subject

    def _check(self, ticket: str) -> tuple[Subject, str]:
        if len(ticket) > MAX_TOKEN_CHARS:
            raise TokenError("ticket_invalid", f"a ticket has at most {MAX_TOKEN_CHARS} characters")
        try:
            claims = signed_claims(ticket, self._keys, TYPE, AUDIENCE, REQUIRED)
            until_ms, jti = int(claims["until"]), str(claims["jti"])
            scopes = frozenset(str(claims["scope"]).split())
            subject = Subject(int(claims["sub"]), int(claims["sid"]), scopes, until_ms)
            issued_ms, expires_ms = int(claims["iat"]) * 1000, int(claims["exp"]) * 1000
        except (jwt.PyJWTError, TokenError, ValueError, TypeError, OverflowError) as error:
            raise TokenError("ticket_invalid", str(error)) from error
        now_ms = self._clock.now_ms()
        if not issued_ms - LEEWAY_MS <= now_ms < min(expires_ms, until_ms) or not _JTI.fullmatch(jti):
            raise TokenError("ticket_invalid", "the ticket has expired")
        return subject, jti
