"""Reads the bearer token of a request: who is asking, as FastAPI dependencies, and whether the token goes so far.

The app keeps its verifier at `app.state.verifier`. What a route needs says infra.auth.scopes: here alone it is held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotation

from infra.auth.scopes import NEEDS, PUBLIC
from infra.auth.tokens import Subject, TokenError
from infra.http.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

_CHALLENGE = {"WWW-Authenticate": "Bearer"}
_SCHEME = b"bearer "
KEPT = "murmur.subject"
"""Where the ASGI scope keeps who is asking, once somebody has looked."""


async def subject(request: Request) -> Subject:
    """Return who is asking; raises a 401 problem where there is no valid token."""
    who = identify(request)
    if who is None:
        raise Problem("token_missing", headers=_CHALLENGE)
    return who


async def optional_subject(request: Request) -> Subject | None:
    """Return who is asking, or None without an Authorization header; a bad token is a 401 all the same."""
    return identify(request)


def identify(request: Request) -> Subject | None:
    """Return who is asking, or None; verified once a request, and held against what its route needs.

    Of a public route nobody is: what its Authorization header says is the route's own affair.
    """
    scope = request.scope
    if KEPT in scope:
        kept: Subject | None = scope[KEPT]
        return kept
    value = next((value for name, value in scope["headers"] if name == b"authorization"), None)
    who = None
    if value is not None and (need := NEEDS[scope["method"], scope["route"].path]) != PUBLIC:
        who = _verified(request, value)
        if need.scope is not None and need.scope not in who.scopes:
            raise insufficient((need.scope,))
    scope[KEPT] = who
    return who


def check_scopes(who: Subject, needed: Iterable[str]) -> None:
    """Refuse a token that lacks one of the scopes: for what the route alone does not tell."""
    if not who.scopes.issuperset(needed):
        raise insufficient(needed)


def insufficient(needed: Iterable[str]) -> Problem:
    """Return the 403 that says which scopes are needed (RFC 6750, section 3.1)."""
    scopes = " ".join(sorted(set(needed)))
    challenge = f'Bearer error="insufficient_scope", scope="{scopes}"'
    return Problem("insufficient_scope", f"Needed: {scopes}.", headers={"WWW-Authenticate": challenge})


def _verified(request: Request, value: bytes) -> Subject:
    if value[: len(_SCHEME)].lower() != _SCHEME:
        raise Problem("token_invalid", "The Authorization header is not of the Bearer scheme.", headers=_CHALLENGE)
    try:
        verified: Subject = request.app.state.verifier.verify(value[len(_SCHEME) :].strip().decode("latin-1"))
    except TokenError as error:
        challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        raise Problem(error.code, headers=challenge) from error
    return verified
