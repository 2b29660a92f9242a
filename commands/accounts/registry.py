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

from commands.errors import CommandRefusedError
from infra.auth.credentials import RefreshRefusedError, Session, hash_of
from infra.auth.passwords import TooManyWaitingError
from infra.http.problems import Problem
from infra.log.port import LogUnavailableError
from infra.projections import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine

    from infra.auth.credentials import Credentials, OpenSession
    from infra.auth.data_keys import DataKey
    from infra.auth.passwords import Passwords
    from infra.auth.seals import KeptSeals
    from infra.auth.tokens import AccessTokens
    from infra.clock import Clock
    from infra.journal.port import Claim, Journal

SECRET_BYTES = 32
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
        seals: KeptSeals,
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
        self._seals = seals
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

    def gone_digest(self, username: str) -> str:
        """Return the keyed digest under which a name stays taken whose account was erased."""
        return hmac.digest(self._email_secret, f"username:{username.lower()}".encode(), "sha256").hex()

    async def add_account(self, claim: Claim, password: str, email: str, email_claim: str = "") -> bytes:
        """Keep a new account's secrets; return its address, sealed under its own key."""
        password_hash = await self._heavy(self._passwords.hash(password))
        sealed = await self.run(partial(self._seals.begin, claim.owner, email, email_claim))
        await self.run(partial(self._credentials.add_account, claim, password_hash, b"", self._clock.now_ms()))
        return sealed

    async def kept_key(self, user_id: int) -> DataKey:
        """Return what is kept of an account's personal data."""
        return await self.run(partial(self._seals.kept, user_id))

    async def address(self, user_id: int) -> str:
        """Return an account's address; empty where none was given."""
        sealed = (await self.kept_key(user_id)).email
        return "" if sealed is None else self._seals.address(user_id, sealed) or ""

    async def destroy(self, user_id: int) -> None:
        """Destroy an account's key, and forget its password, its sessions and its apps."""
        await self.run(partial(self._seals.destroy, user_id))
        await self.run(partial(self._credentials.forget, user_id))

    async def drop_account(self, user_id: int) -> None:
        """Forget an account that did not come to be."""
        await self.run(partial(self._credentials.drop_account, user_id))

    async def matching_hash(self, user_id: int | None, password: str) -> str | None:
        """Return the kept hash where it is the account's password; else, and for no account, None after the same time.

        A session that is begun by it takes care that it is still the account's: see `begin`.
        """
        encoded = None
        if user_id is not None:
            encoded = await self.run(partial(self._credentials.password_hash, user_id))
        return encoded if await self._heavy(self._passwords.matches(encoded, password)) else None

    async def password_matches(self, user_id: int | None, password: str) -> bool:
        """Tell whether it is the account's password; for no account false, after the same time."""
        return await self.matching_hash(user_id, password) is not None

    async def begin_session(
        self, user_id: int, minutes: int | None = None, *, agent: str = "", matched: str | None = None
    ) -> Tokens:
        """Begin an owner's session; `minutes` is the life of its first access token where it is not the setting's."""
        session = Session(self._next_id(), user_id, agent=agent)
        refresh_token = new_secret()
        await self.begin(session, hash_of(refresh_token), self._refresh_ms, matched)
        return self._tokens(session, refresh_token, None if minutes is None else minutes * 60)

    async def begin(self, session: Session, secret_hash: bytes, life_ms: int, matched: str | None = None) -> None:
        """Begin a session with what it can first be refreshed by, within `life_ms`.

        Whoever changes the password ends all sessions after it. So one that was begun by the old one, `matched`, is
        either there to be ended, or finds here that the password is another: login_failed.
        """
        expires_at_ms = self._clock.now_ms() + life_ms
        await self.run(partial(self._credentials.open_session, session, secret_hash, expires_at_ms))
        if matched is None:
            return
        if await self.run(partial(self._credentials.password_hash, session.user_id)) != matched:
            await self.end_session(session.session_id)
            raise CommandRefusedError("login_failed")

    async def refresh(self, refresh_token: str) -> Tokens:
        """Exchange a refresh token; one that was used before ends its session."""
        new = new_secret()
        try:
            session = await self.exchange(hash_of(refresh_token), hash_of(new))
        except RefreshRefusedError as error:
            raise Problem("refresh_token_reused" if error.reused else "refresh_token_invalid") from error
        return self._tokens(session, new)

    async def exchange(self, old_hash: bytes, new_hash: bytes) -> Session:
        """Let a session be refreshed by another secret; raises RefreshRefusedError, having ended one of a used one."""
        now_ms = self._clock.now_ms()
        rotate = partial(self._credentials.rotate, old_hash, new_hash, now_ms, now_ms + self._refresh_ms)
        try:
            return await self.run(rotate)
        except RefreshRefusedError as error:
            if error.reused is not None:
                self._on_revoked(error.reused.session_id)
            raise

    async def session_of(self, secret_hash: bytes) -> OpenSession | None:
        """Return the session that a secret could refresh now, or None; nothing is used."""
        return await self.run(partial(self._credentials.session_of, secret_hash, self._clock.now_ms()))

    async def sessions_of(self, user_id: int) -> list[OpenSession]:
        """Return an account's sessions that go on, those of apps too, oldest first."""
        return await self.run(partial(self._credentials.sessions_of, user_id, self._clock.now_ms()))

    async def end_session(self, session_id: int) -> None:
        """End a session at once."""
        await self.run(partial(self._credentials.revoke, session_id, self._clock.now_ms()))
        self._on_revoked(session_id)

    async def end_sessions(self, user_id: int, but: int = 0) -> int:
        """End all sessions of an account at once, those of apps too, `but` for one; return how many."""
        ended = await self.run(partial(self._credentials.revoke_all, user_id, self._clock.now_ms(), but))
        for session_id in ended:
            self._on_revoked(session_id)
        return len(ended)

    async def set_password(self, user_id: int, password: str) -> bool:
        """Give an account another password; False where it never had one."""
        if await self.run(partial(self._credentials.password_hash, user_id)) is None:
            return False
        password_hash = await self._heavy(self._passwords.hash(password))
        await self.run(partial(self._credentials.set_password, user_id, password_hash))
        return True

    async def signed_in_on(self, user_id: int) -> int:
        """Return the last day on which the account's sign-in was said, or -1."""
        return await self.run(partial(self._credentials.signed_in_on, user_id))

    async def mark_signed_in(self, user_id: int, day: int) -> None:
        """Remember that the sign-in was said."""
        await self.run(partial(self._credentials.mark_signed_in, user_id, day))

    async def sweep(self, journal: Journal) -> None:
        """Remove what has expired."""
        await self.run(partial(self._credentials.sweep, self._clock.now_ms(), journal.owner))

    def of_scopes(self, tokens: Tokens, scopes: Collection[str]) -> Tokens:
        """Return the tokens with an access token of these scopes."""
        session = tokens.session
        access = self._access_tokens.issue(session.user_id, session.session_id, tokens.expires_in, scopes)
        return tokens._replace(access_token=access)

    def _tokens(self, session: Session, refresh_token: str, lifetime_s: int | None = None) -> Tokens:
        access = self._access_tokens.issue(session.user_id, session.session_id, lifetime_s)
        return Tokens(session, access, refresh_token, lifetime_s or self._access_tokens.lifetime_s)

    async def _heavy(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return await work
        except TooManyWaitingError as error:
            raise Problem("overloaded", headers={"Retry-After": "2"}) from error

    async def run(self, work: Callable[[], T]) -> T:
        """Run one call of the credentials, or of what is kept beside them; raises LogUnavailableError."""
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


def new_secret() -> str:
    """Return what nobody guesses."""
    return secrets.token_urlsafe(SECRET_BYTES)
