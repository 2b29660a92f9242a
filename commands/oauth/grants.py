"""What apps were granted: codes, tokens and their ends. A grant is a session of the account that granted it.

The code is the first secret by which that session can be refreshed, for CODE_MS. Codes and refresh tokens are kept as
hashes of themselves together with what they are bound to, so that whoever shows one with another client, another
redirect URI or another verifier shows something that nobody knows: nothing is found, and nothing is used up.
"""

from __future__ import annotations

import base64
import hashlib
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from commands.accounts.registry import new_secret
from commands.oauth.errors import OAuthProblem
from infra.auth.apps import App
from infra.auth.credentials import RefreshRefusedError, Session, hash_of
from infra.auth.scopes import of_role
from infra.auth.tokens import TokenError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from commands.accounts.registry import Registry
    from commands.oauth.command import Authorize, Register
    from infra.auth.apps import Apps
    from infra.auth.tokens import AccessTokens, AccessTokenVerifier
    from infra.clock import Clock

RoleOf: TypeAlias = "Callable[[int], Awaitable[str]]"
"""Returns an account's role, or refuses that anybody acts for it."""

CODE_MS = 60_000
"""From the consent to the exchange, which no human has a part in (RFC 6749 allows ten minutes)."""


class Granted(NamedTuple):
    """What an app is given."""

    session: Session
    access_token: str
    refresh_token: str
    expires_in: int
    scopes: str


class Token(NamedTuple):
    """A token that is good: whose, in which session, for what, until when."""

    user_id: int
    session_id: int
    scopes: str
    expires_at_ms: int
    kind: str


class Grants:
    """One a process."""

    def __init__(
        self,
        registry: Registry,
        apps: Apps,
        access_tokens: AccessTokens,
        verifier: AccessTokenVerifier,
        clock: Clock,
        next_id: Callable[[], int],
    ) -> None:
        self._registry = registry
        self._apps = apps
        self._access_tokens = access_tokens
        self._verifier = verifier
        self._clock = clock
        self._next_id = next_id

    # Apps

    async def register(self, command: Register) -> tuple[App, str]:
        """Keep a checked app; return it, and its secret or an empty text."""
        secret = new_secret() if command.confidential else ""
        uris = " ".join(command.redirect_uris)
        app = App(self._next_id(), command.owner_id, command.name, uris, hash_of(secret) if secret else b"")
        await self._registry.run(partial(self._apps.add, app))
        return app, secret

    async def registered_by(self, owner_id: int) -> list[App]:
        """Return what an account has registered, oldest first."""
        return await self._registry.run(partial(self._apps.registered_by, owner_id))

    async def apps(self, app_ids: Collection[int]) -> dict[int, App]:
        """Return those of the apps that there are."""
        return await self._registry.run(partial(self._apps.many, app_ids)) if app_ids else {}

    async def remove(self, app: App) -> None:
        """Forget an app."""
        await self._registry.run(partial(self._apps.remove, app))

    async def remove_all(self, owner_id: int) -> None:
        """Forget all apps that an account has registered."""
        for app in await self.registered_by(owner_id):
            await self.remove(app)

    # What they were granted

    async def authorize(self, command: Authorize, app: App, user_id: int, scopes: str, matched: str) -> str:
        """Begin an app's session, of an account whose password `matched`; return the code that it can be had by."""
        code = new_secret()
        session = Session(self._next_id(), user_id, app.app_id, scopes)
        code_hash = of_code(app, command.redirect_uri, command.challenge, code)
        await self._registry.begin(session, code_hash, CODE_MS, matched)
        return code

    async def exchange(self, app: App, secret_hash: bytes, scopes: Collection[str], role_of: RoleOf) -> Granted:
        """Exchange what `of_code` or `of_token` says for tokens: with all that was granted, or with these scopes alone.

        Raises OAuthProblem, and whatever `role_of` refuses. Until then nothing is used up; a second use of what was
        ends the session.
        """
        known, new = await self._registry.session_of(secret_hash), new_secret()
        allowed: frozenset[str] = frozenset()
        if known is not None:
            granted = frozenset(known.session.scopes.split())
            if not granted.issuperset(scopes):
                raise OAuthProblem("invalid_scope", "A scope is asked for that was not granted.")
            allowed = frozenset(scopes or granted) & of_role(await role_of(known.session.user_id))
        try:
            session = await self._registry.exchange(secret_hash, of_token(app, new))
        except RefreshRefusedError as error:
            used = "It was used before: all that it gave has been revoked." if error.reused else ""
            raise OAuthProblem("invalid_grant", used) from error
        access = self._access_tokens.issue(session.user_id, session.session_id, scopes=allowed, app_id=session.app_id)
        return Granted(session, access, new, self._access_tokens.lifetime_s, " ".join(sorted(allowed)))

    async def token_of(self, app: App, token: str) -> Token | None:
        """Return what an app's own token is good for, or None: access tokens and refresh tokens alike."""
        known = await self._registry.session_of(of_token(app, token))
        if known is not None:
            session = known.session
            return Token(session.user_id, session.session_id, session.scopes, known.expires_at_ms, "refresh_token")
        try:
            who = self._verifier.verify(token)
        except TokenError:
            return None
        if who.app_id != app.app_id:
            return None
        return Token(who.user_id, who.session_id, " ".join(sorted(who.scopes)), who.expires_at_ms, "Bearer")

    async def revoke(self, app: App, token: str) -> None:
        """End the session that an app's own token belongs to, with all its tokens."""
        known = await self.token_of(app, token)
        if known is not None:
            await self._registry.end_session(known.session_id)


def of_code(app: App, redirect_uri: str, challenge: str, code: str) -> bytes:
    """Return what is kept of a code."""
    return hash_of(code, "code", app.client_id, redirect_uri, challenge)


def of_token(app: App, refresh_token: str) -> bytes:
    """Return what is kept of an app's refresh token."""
    return hash_of(refresh_token, "refresh", app.client_id)


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636, section 4.2)."""
    digest = hashlib.sha256(verifier.encode(errors="replace")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
