"""Routes that do not pay the framework for what is the same in every request.

FastAPI reads a route's declaration: it documents it, and validates by it. Validating four query parameters and
entering its stacks of contexts costs some 150 µs a request; a query string that it has found good once is remembered
here with its values. What it has not seen, or what is wrong, it answers itself. Bodies are the endpoints' affair.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi.dependencies.utils import request_params_to_args
from fastapi.routing import APIRoute
from starlette.requests import Request

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

QUERIES_KEPT = 4_096  # a route; most are first pages
LONGEST_QUERY_KEPT = 256


class DirectRoute(APIRoute):
    """A route whose dependencies take the request alone, whose path is of texts, and which returns a Response."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._validate = partial(request_params_to_args, self.dependant.query_params)
        self._path_names = [field.name for field in self.dependant.path_params]
        self._request_name = self.dependant.request_param_name
        self._dependencies = [(part.name, part.call) for part in self.dependant.dependencies]
        self._kept: dict[bytes, dict[str, Any]] = {}
        self._framework = self.app
        self.app = self._serve

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        query = self._kept.get(scope["query_string"])
        if query is None and (query := self._valid_query(request)) is None:
            await self._framework(scope, receive, send)
            return
        values = query.copy()
        if self._request_name is not None:
            values[self._request_name] = request
        for path_name in self._path_names:
            values[path_name] = scope["path_params"][path_name]
        for name, dependency in self._dependencies:
            value = await dependency(request)  # type: ignore[misc]  # all are async: see the class
            if name is not None:
                values[name] = value
        response = await self.endpoint(**values)
        await response(scope, receive, send)

    def _valid_query(self, request: Request) -> dict[str, Any] | None:
        """Return the values of the query parameters, or None where the framework is to say what is wrong."""
        values, errors = self._validate(request.query_params)
        if errors:
            return None
        query: bytes = request.scope["query_string"]
        if len(query) <= LONGEST_QUERY_KEPT:
            if len(self._kept) >= QUERIES_KEPT:
                self._kept.clear()
            self._kept[query] = values
        return values
