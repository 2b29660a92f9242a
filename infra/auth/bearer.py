"""Reads the bearer token of a request: who is asking, as FastAPI dependencies.

The app keeps its verifier at `app.state.verifier`.
"""

from __future__ import annotations

from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotation

from infra.auth.tokens import Subject, TokenError
from infra.http.problems import Problem

_CHALLENGE = {"WWW-Authenticate": "Bearer"}
_SCHEME = b"bearer "
_KEPT = "murmur.subject"
READ = "read"
WRITE = "write"


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
    """Return who is asking, or None; verified once a request."""
    scope = request.scope
    if _KEPT in scope:
        kept: Subject | None = scope[_KEPT]
        return kept
    value = next((value for name, value in scope["headers"] if name == b"authorization"), None)
    who = None if value is None else _verified(request, value)
    scope[_KEPT] = who
    return who


def _verified(request: Request, value: bytes) -> Subject:
    if value[: len(_SCHEME)].lower() != _SCHEME:
        raise Problem("token_invalid", "The Authorization header is not of the Bearer scheme.", headers=_CHALLENGE)
    try:
        verified: Subject = request.app.state.verifier.verify(value[len(_SCHEME) :].strip().decode("latin-1"))
    except TokenError as error:
        challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        raise Problem(error.code, headers=challenge) from error
    return verified
