"""Reads requests: bodies by msgspec, ids, and that nobody acts in another's name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec
from fastapi import Path

from infra.http.problems import Problem
from schemas.ids import from_uuid

if TYPE_CHECKING:
    from starlette.requests import Request

    from infra.auth.tokens import Subject

T = TypeVar("T", bound=msgspec.Struct)
MAX_ID_CHARS = 64

TweetIdText = Annotated[str, Path(alias="tweet_id", description="A tweet's UUIDv7.")]
UserIdText = Annotated[str, Path(alias="user_id", description="An account's UUIDv7.")]

_AT = re.compile(r" - at `\$\.?([^`]*)`$")
_UNKNOWN_FIELD = re.compile(r"unknown field `([^`]*)`")
_MISSING_FIELD = re.compile(r"missing required field `([^`]*)`")
_SUBJECT_MEMBERS = ("user_id", "follower_id")


class Acting(msgspec.Struct, forbid_unknown_fields=True):
    """A body that may only repeat who acts."""

    user_id: str | None = None
    follower_id: str | None = None


async def body_of(request: Request, kind: type[T], who: Subject | None = None) -> T:
    """Return the decoded body; raises the body_invalid problem, which names the member at fault.

    Members `user_id` and `follower_id`, in the body or the query, must be the subject's: else 403.
    """
    raw = await request.body()
    try:
        body = msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _invalid(str(error)) from error
    if who:
        check_subject(request, who, body)
    return body


async def no_body(request: Request, who: Subject) -> None:
    """Read a body that is not needed: empty, or an object that names the subject."""
    if await request.body():
        await body_of(request, Acting, who)
    else:
        check_subject(request, who, None)


def check_subject(request: Request, who: Subject, body: msgspec.Struct | None) -> None:
    """Refuse a request that names another account as the one who acts."""
    named = [(name, getattr(body, name, None)) for name in _SUBJECT_MEMBERS] if body is not None else []
    if request.scope["query_string"]:
        named += [(name, request.query_params.get(name)) for name in _SUBJECT_MEMBERS]
    for name, text in named:
        if text is not None and from_uuid(text) != who.user_id:
            raise Problem("not_the_subject", param=name)


def id_of(text: str, code: str, param: str) -> int:
    """Return the id that a UUID stands for; what is none of ours is the problem `code` (a 404)."""
    found = from_uuid(text) if len(text) <= MAX_ID_CHARS else None
    if found is None:
        raise Problem(code, param=param)
    return found


def _invalid(message: str) -> Problem:
    at = _AT.search(message)
    path = at[1] if at else ""
    field = _UNKNOWN_FIELD.search(message) or _MISSING_FIELD.search(message)
    if field:
        path = f"{path}.{field[1]}" if path else field[1]
    return Problem("body_invalid", message, param=path or None)
