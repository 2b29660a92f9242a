"""What apps are refused for: problems that are OAuth errors too (RFC 6749, section 5.2), in one body."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import orjson

from infra.http.problem_codes import PROBLEM_TYPES
from infra.http.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN_ERRORS = ("invalid_request", "invalid_client", "invalid_grant", "unsupported_grant_type", "invalid_scope")
"""Codes of problems, under the names that the RFC gives them."""


class OAuthProblem(Problem):
    """One of TOKEN_ERRORS, answered as libraries of OAuth expect it."""

    media_type = "application/json"

    def __init__(self, code: str, detail: str = "", headers: Mapping[str, str] | None = None) -> None:
        challenge = {"WWW-Authenticate": "Basic"} if PROBLEM_TYPES[code].status == HTTPStatus.UNAUTHORIZED else {}
        super().__init__(code, detail, headers={**challenge, **(headers or {})})

    def body(self, request_id: str) -> bytes:
        """Return the JSON."""
        members = orjson.loads(super().body(request_id))
        return orjson.dumps({"error": self.code, "error_description": self.detail, **members})
