"""The OpenAPI document: what endpoints declare, made exact. Answers leave as bytes; the contract tests hold the two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Path, Query
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict

from infra.consistency import HEADER
from infra.http.openapi import name_scopes
from infra.http.problem_codes import PROBLEM_TYPES
from infra.http.problems import MEDIA_TYPE
from query_api.reading import PARAMETERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import UnionType

    from fastapi import FastAPI

API = "/api/v1"
MAX_PAGE = 200
_BEARER: dict[str, list[str]] = {"bearer": []}
_PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_UUID = {"format": "uuid"}

TweetIdPath = Annotated[str, Path(description="A tweet's id.", json_schema_extra=_UUID)]
UserIdPath = Annotated[str, Path(description="An account's id.", json_schema_extra=_UUID)]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="Most entries of a page.")]
MaxId = Annotated[
    str | None, Query(max_length=64, description="`next_max_id` of the page before: only what is below it.")
]
Cursor = Annotated[str | None, Query(max_length=64, description="`next_cursor` of the page before.")]


class Shape(BaseModel):
    """Base of the shapes of answers: they document and are tested against, but no answer passes through them."""

    model_config = ConfigDict(extra="forbid")


class Problem(Shape):
    """RFC 9457: what went wrong, by a stable code, and what to do about it."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    hint: str
    request_id: str
    param: str | None = None


def describe(
    model: type[Shape] | UnionType,
    *codes: str,
    signed_in: bool = False,
    parameters: Sequence[Mapping[str, Any]] = PARAMETERS,
    as_of: bool = False,
) -> dict[str, Any]:
    """Return the arguments of a route: its answer's shape, the problems it may answer, who may ask, with what.

    `as_of`: it takes a moment, too.
    """
    always = ["parameter_invalid", "token_invalid", "token_expired", "session_revoked", "rate_limited", "not_ready"]
    always += ["insufficient_scope", "account_deleted", "account_suspended", "request_timeout", "internal_error"]
    if parameters:
        always.append("consistency_token_invalid")
    if signed_in:
        always.append("token_missing")
    if as_of:
        always.append("no_such_moment")
    return {
        "response_model": None,
        "responses": {
            200: {"model": model, "headers": _HEADERS | (_AS_OF if as_of else {})},
            **_problems({*always, *codes}),
        },
        "openapi_extra": {"parameters": list(parameters), "security": [_BEARER] if signed_in else [{}, _BEARER]},
    }


def describe_stream(*codes: str) -> dict[str, Any]:
    """Return the arguments of the route whose answer is a stream of events."""
    described = describe(Problem, *codes, signed_in=True, parameters=_OF_STREAMS)
    said = "Events without an end; see docs/live.md for their names and data."
    content = {"text/event-stream": {"schema": _STREAM_EVENT}}
    described["responses"][200] = {"description": said, "content": content}
    return described


_STREAM_EVENT = {"type": "object", "properties": {name: {"type": "string"} for name in ("id", "event", "data")}}
"""One event of a stream; OpenAPI 3.1 has no word for a sequence of them, and tools read the schema as that of each."""

_OF_STREAMS = [
    {
        "name": "Last-Event-ID",
        "in": "header",
        "required": False,
        "description": "The id of the last message that was heard: what came after it comes first.",
        "schema": {"type": "string", "maxLength": 8192},
    }
]


def _problems(codes: set[str]) -> dict[int | str, dict[str, Any]]:
    by_status: dict[int | str, list[str]] = {}
    for code in sorted(codes):
        by_status.setdefault(PROBLEM_TYPES[code].status, []).append(code)
    return {
        status: {"description": ", ".join(f"`{code}`" for code in of_status), "content": _PROBLEM}
        for status, of_status in sorted(by_status.items(), key=str)
    }


_HEADERS = {
    "X-Projection-Lag": {
        "description": "Events that each projection read is behind the log: `tweets=0, accounts=2`.",
        "required": True,
        "schema": {"type": "string"},
    },
    "X-Stale": {
        "description": f"`true` where the projections had not passed the {HEADER} in time.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}

_AS_OF = {
    "X-As-Of": {
        "description": "The moment that the answer is of, where `as_of` was given.",
        "schema": {"type": "string", "format": "date-time"},
    }
}


def document(app: FastAPI) -> dict[str, Any]:
    """Return the document: without FastAPI's 422, which this API never answers, and with problems and the token."""
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    for operations in found["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
    name_scopes(found)
    components = found["components"]
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    components["schemas"]["Problem"] = Problem.model_json_schema()
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    return found
