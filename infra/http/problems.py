"""Answers whatever goes wrong as RFC 9457 problem+json with a stable code; no traceback ever leaves."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotation
from starlette.responses import Response

from infra.http.problem_codes import PROBLEM_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI

RETRY_SECONDS = "1"  # whatever is a 503 here passes, or is an operator's to end; asking again costs little
MEDIA_TYPE = "application/problem+json"
REQUEST_ID = "murmur.request_id"  # where the middleware keeps the id in the ASGI scope
_BY_STATUS = {404: "route_not_found", 405: "method_not_allowed", 413: "body_too_large", 415: "media_type_unsupported"}

log = logging.getLogger(__name__)


class Problem(Exception):  # noqa: N818 - the RFC's own word
    """Raised anywhere below an endpoint: becomes the answer. `code` is a key of PROBLEM_TYPES."""

    media_type = MEDIA_TYPE

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.type = PROBLEM_TYPES[code]
        self.code = code
        self.detail = detail or self.type.title + "."
        self.param = param
        self.headers = {**self._passing(), **(headers or {})}

    def _passing(self) -> dict[str, str]:
        return {"Retry-After": RETRY_SECONDS} if self.type.status == HTTPStatus.SERVICE_UNAVAILABLE else {}

    def body(self, request_id: str) -> bytes:
        """Return the JSON."""
        members = {
            "type": f"/problems/{self.code}",
            "title": self.type.title,
            "status": self.type.status,
            "code": self.code,
            "detail": self.detail,
            "hint": self.type.hint,
            "request_id": request_id,
        }
        if self.param is not None:
            members["param"] = self.param
        return orjson.dumps(members)


def response_of(problem: Problem, request_id: str) -> Response:
    """Return the answer that states the problem."""
    return Response(problem.body(request_id), problem.type.status, problem.headers, problem.media_type)


def install(app: FastAPI) -> None:
    """Make problems of all that the app's routes, router and validation raise."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http_exception)


async def page(code: str) -> Response:
    """Answer what a code means."""
    if code not in PROBLEM_TYPES:
        raise Problem("route_not_found")
    page = {"type": f"/problems/{code}", "code": code, **PROBLEM_TYPES[code]._asdict()}
    return Response(orjson.dumps(page), media_type="application/json")


def answer(request: Request, problem: Problem) -> Response:
    """Return the answer to a request that states the problem."""
    return response_of(problem, request.scope.get(REQUEST_ID, ""))


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - what it is registered for
    return answer(request, error)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    return answer(request, _of_validation(error.errors()[0]))


def _of_validation(first: Mapping[str, Any]) -> Problem:
    where, *path = first["loc"]
    code = "body_invalid" if where == "body" else "parameter_invalid"
    param = None if first["type"] == "json_invalid" else ".".join(str(part) for part in path) or None
    return Problem(code, str(first["msg"]), param=param)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    if isinstance(error.__cause__, Problem):  # FastAPI wraps what is raised while it reads a body
        return answer(request, error.__cause__)
    code = _BY_STATUS.get(error.status_code, "internal_error" if error.status_code >= 500 else "body_invalid")  # noqa: PLR2004
    return answer(request, Problem(code, headers=error.headers))
