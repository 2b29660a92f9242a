"""Describes operations whose bodies are msgspec structs, so that the OpenAPI document and the bytes cannot part.

`operation(…)` gives a route its documented body, answers and problems; `install` adds the structs' schemas.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response

from infra.auth.scopes import NEEDS
from infra.http.problem_codes import PROBLEM_TYPES
from infra.http.problems import MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import FastAPI

_REF = "#/components/schemas/{name}"
_COMMON = ("body_too_large", "parameter_invalid", "rate_limited", "request_timeout", "internal_error")
_OF_TOKENS = ("token_missing", "token_invalid", "token_expired", "session_revoked", "insufficient_scope")
BEARER = "bearer"
CODES = "x-codes"  # the codes that a problem of this status may have


class ProblemDocument(msgspec.Struct):
    """RFC 9457 problem details; `type` is a page about the code, `param` the member or parameter at fault."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    hint: str
    request_id: str
    param: str | msgspec.UnsetType = msgspec.UNSET


def ref(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return a reference to a struct's schema."""
    return {"$ref": _REF.format(name=struct.__name__)}


def operation(
    answer: type[msgspec.Struct],
    *,
    status: int = 200,
    body: type[msgspec.Struct] | None = None,
    body_required: bool = True,
    problems: Sequence[str] = (),
    headers: Sequence[tuple[str, str]] = (),
    answer_headers: Sequence[tuple[str, str]] = (),
    bearer: bool = True,
) -> dict[str, Any]:
    """Return keyword arguments for a route: what it takes, what it answers, which problems it states.

    Headers are (name, description) pairs, optional in requests.
    """
    codes = (*_COMMON, *problems, *(_OF_TOKENS * bearer))
    responses: dict[int | str, dict[str, Any]] = {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {"application/json": {"schema": ref(answer)}},
            "headers": {name: _header(text) for name, text in answer_headers},
        }
    }
    for code in sorted(codes, key=lambda code: (PROBLEM_TYPES[code].status, code)):
        _add_problem(responses, code)
    extra: dict[str, Any] = {
        "parameters": [{"name": name, "in": "header", "required": False, **_header(text)} for name, text in headers]
    }
    if bearer:
        extra["security"] = [{BEARER: []}]
    if body:
        extra["requestBody"] = {"required": body_required, "content": {"application/json": {"schema": ref(body)}}}
    return {
        "status_code": status,
        "response_class": Response,
        "response_model": None,
        "responses": responses,
        "openapi_extra": extra,
    }


def name_scopes(document: dict[str, Any]) -> None:
    """Say of each operation that takes a token which scope it needs, as the role that OpenAPI lets a scheme name."""
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            need = NEEDS.get((method.upper(), path))
            if need is not None and need.scope is not None:
                anybody: list[dict[str, list[str]]] = [] if need.signed_in else [{}]
                described["security"] = [*anybody, {BEARER: [need.scope]}]


def _drop_frameworks_own(document: dict[str, Any]) -> None:
    """Take out FastAPI's 422, which it says of every parameter, and which problems.install answers otherwise."""
    for methods in document["paths"].values():
        for described in methods.values():
            if CODES not in described["responses"].get("422", {CODES: ()}):
                del described["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)


def _header(text: str) -> dict[str, Any]:
    return {"description": text, "schema": {"type": "string"}}


def _add_problem(responses: dict[int | str, dict[str, Any]], code: str) -> None:
    kind = PROBLEM_TYPES[code]
    phrase = HTTPStatus(kind.status).phrase
    content = {MEDIA_TYPE: {"schema": ref(ProblemDocument)}}
    entry = responses.setdefault(kind.status, {"description": phrase, "content": content, CODES: []})
    entry[CODES].append(code)


def install(app: FastAPI, structs: Sequence[type[msgspec.Struct]]) -> None:
    """Put the schemas of the structs, and the bearer scheme, into the app's OpenAPI document."""
    _, components = msgspec.json.schema_components([*structs, ProblemDocument], ref_template=_REF)
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            parts = document.setdefault("components", {})
            parts.setdefault("schemas", {}).update(components)
            _drop_frameworks_own(document)
            name_scopes(document)
            parts["securitySchemes"] = {BEARER: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
        return plain()

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way
