"""Reads what OAuth sends as forms: each parameter once, an empty one as if it were not there (RFC 6749, section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from commands.oauth.errors import OAuthProblem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 32
MAX_CHARS = 8192  # of a query string; bodies have their own bound


async def form_of(request: Request) -> Mapping[str, str]:
    """Return the fields of the body; raises OAuthProblem."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise OAuthProblem("invalid_request", f"The body is {FORM}.")
    return fields_of((await request.body()).decode("latin-1"))


def fields_of(text: str) -> Mapping[str, str]:
    """Return the fields of a form or a query string; raises OAuthProblem."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise OAuthProblem("invalid_request", f"It is no form of at most {MAX_FIELDS} fields.") from error
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise OAuthProblem("invalid_request", "A parameter is there twice.")
    return {name: value for name, value in fields.items() if value}
