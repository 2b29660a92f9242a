"""What an API says about itself: its OpenAPI document, and a page for each code of its problems."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotation
from starlette.responses import Response

from infra.http import problems
from infra.http.rate_limits import RateClass, limited

if TYPE_CHECKING:
    from fastapi import FastAPI

OPENAPI = "/openapi.json"


def install(app: FastAPI) -> None:
    """Add the routes; the app's own `openapi_url` is to be None."""
    counted = [limited(RateClass.OPEN)]
    app.add_api_route("/problems/{code}", problems.page, dependencies=counted, include_in_schema=False)
    app.add_api_route(OPENAPI, _document, dependencies=counted, include_in_schema=False)


async def _document(request: Request) -> Response:
    state = request.app.state
    if not hasattr(state, "openapi_bytes"):
        state.openapi_bytes = orjson.dumps(request.app.openapi())
    return Response(state.openapi_bytes, media_type="application/json")
