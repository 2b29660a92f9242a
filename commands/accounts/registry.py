"""Keeps what is secret about accounts, beside the event loop: passwords, sessions, keys of personal data."""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import apsw

from infra.auth.credentials import RefreshRefusedError, Session, hash_of
from infra.auth.passwords import TooManyWaitingError
from infra.auth.personal_data import encrypt, new_key
from infra.http.problems import Problem
from infra.log.port import LogUnavailableError
from infra.projections import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from infra.auth.credentials import Credentials
    from infra.auth.passwords import Passwords
    from infra.auth.tokens import AccessTokens
    from infra.clock import Clock
    from infra.journal.port import Claim, Journal

REFRESH_TOKEN_BYTES = 32
T = TypeVar("T")

log = logging.getLogger(__name__)


class Tokens(NamedTuple):
    """What a session's owner is given."""

    session: Session
    access_token: str
    refresh_token: str
    expires_in: int


class Registry:
    """The one user of the credentials in this process: a thread of its own runs one call after another.

    With `in_place` there is no thread: calls wait for the network below a bridge.
    """

    def __init__(
        self,
        credentials: Credentials,
        passwords: Passwords,
        access_tokens: AccessTokens,
        clock: Clock,
        next_id: Callable[[], int],
        email_secret: bytes,
        refresh_ms: int,
        on_revoked: Callable[[int], None],
        *,
        in_place: bool = False,
    ) -> None:
        self._credentials = credentials
        self._passwords = passwords
        self._access_tokens = access_tokens
        self._clock = clock
        self._next_id = next_id
        self._email_secret = email_secret
        self._refresh_ms = refresh_ms
        self._on_revoked = on_revoked
        self._thread = None if in_place else ThreadPoolExecutor(1, "credentials")

    def email_digest(self, email: str) -> str:
        """Return the keyed digest under which an address is unique; empty for none."""
        return hmac.digest(self._email_secret, email.encode(), "sha256").hex() if email else ""

    async def add_account(self, claim: Claim, password: str, email: str) -> bytes:
        """Keep a new account's secrets; return its address, sealed under its own key."""
        password_hash = await self._heavy(self._passwords.hash(password))
        key = new_key()
        await self._run(partial(self._credentials.add_account, claim, password_hash, key, self._clock.now_ms()))
        return encrypt(key, email, claim.owner) if email else b""

    async def drop_account(self, user_id: int) -> None:
        """Forget an account that did not come to be."""
        await self._run(partial(self._credentials.drop_account, user_id))

    async def password_matches(self, user_id: int | None, password: str) -> bool:
        """Tell whether it is the account's password; for no account false, after the same time."""
        encoded = None
        if user_id is not None:
            encoded = await self._run(partial(self._credentials.password_hash, user_id))
        return await self._heavy(self._passwords.matches(encoded, password))

    async def begin_session(self, user_id: int, minutes: int | None = None) -> Tokens:
        """Begin a session; `minutes` is the life of its first access token where it is not the setting's."""
        session = Session(self._next_id(), user_id)
        refresh_token = _new_refresh_token()
        expires_at_ms = self._clock.now_ms() + self._refresh_ms
        await self._run(partial(self._credentials.open_session, session, hash_of(refresh_token), expires_at_ms))
        return self._tokens(session, refresh_token, None if minutes is None else minutes * 60)

    async def refresh(self, refresh_token: str) -> Tokens:
        """Exchange a refresh token; one that was used before ends its session."""
        new, now_ms = _new_refresh_token(), self._clock.now_ms()
        rotate = partial(
            self._credentials.rotate, hash_of(refresh_token), hash_of(new), now_ms, now_ms + self._refresh_ms
        )
        try:
            session = await self._run(rotate)
        except RefreshRefusedError as error:
            if error.reused is None:
                raise Problem("refresh_token_invalid") from error
            self._on_revoked(error.reused.session_id)
            raise Problem("refresh_token_reused") from error
        return self._tokens(session, new)

    async def end_session(self, session_id: int) -> None:
        """End a session at once."""
        await self._run(partial(self._credentials.revoke, session_id, self._clock.now_ms()))
        self._on_revoked(session_id)

    async def signed_in_on(self, user_id: int) -> int:
        """Return the last day on which the account's sign-in was said, or -1."""
        return await self._run(partial(self._credentials.signed_in_on, user_id))

    async def mark_signed_in(self, user_id: int, day: int) -> None:
        """Remember that the sign-in was said."""
        await self._run(partial(self._credentials.mark_signed_in, user_id, day))

    async def sweep(self, journal: Journal) -> None:
        """Remove what has expired."""
        await self._run(partial(self._credentials.sweep, self._clock.now_ms(), journal.owner))

    def _tokens(self, session: Session, refresh_token: str, lifetime_s: int | None = None) -> Tokens:
        access = self._access_tokens.issue(session.user_id, session.session_id, lifetime_s)
        return Tokens(session, access, refresh_token, lifetime_s or self._access_tokens.lifetime_s)

    async def _heavy(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return await work
        except TooManyWaitingError as error:
            raise Problem("overloaded", headers={"Retry-After": "2"}) from error

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            if self._thread is None:
                return work()
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except StoreUnavailableError as error:
            raise LogUnavailableError("credentials cannot be read or written") from error
        except apsw.Error as error:  # the disk is full, or fails: as if the log, beside it on the disk, had refused
            log.error("credentials cannot be read or written: %s", error)  # noqa: TRY400 - no trace, it is the disk
            raise LogUnavailableError("credentials cannot be written") from error

    def close(self) -> None:
        """Finish, then close the file."""
        self._passwords.close()
        if self._thread is not None:
            self._thread.shutdown()
        self._credentials.close()


def _new_refresh_token() -> str:
    return secrets.token_urlsafe(REFRESH_TOKEN_BYTES)
