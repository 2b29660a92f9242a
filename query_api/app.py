"""The query API as an ASGI app: its routes, what surrounds them, and how errors leave."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import apsw
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from infra.http import documents, problems
from infra.http.callers import Callers
from infra.http.middleware import Edge
from infra.http.problems import REQUEST_ID, Problem
from infra.projections import StoreError, StoreUnavailableError
from query_api.as_of import is_of_a_moment
from query_api.bookmarks import endpoint as bookmarks
from query_api.engagement import endpoint as engagement
from query_api.errors import QueryError
from query_api.home_timeline import endpoint as home_timeline
from query_api.live import endpoint as live
from query_api.live.metrics import LiveMetrics
from query_api.live.watch import Watch
from query_api.media import endpoint as media
from query_api.moderation import endpoint as moderation
from query_api.moderation.metrics import ModerationMetrics
from query_api.notifications import endpoint as notifications
from query_api.openapi import document
from query_api.operations import endpoint as operations
from query_api.operations.response import QueryMetrics
from query_api.read_only import ReadOnly
from query_api.reading import FRESHNESS
from query_api.search import endpoint as search
from query_api.trends import endpoint as trends
from query_api.tweets import endpoint as tweets
from query_api.user_timeline import endpoint as user_timeline
from query_api.users import endpoint as users
from query_api.web import endpoint as web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response

    from query_api.bootstrap import Services

log = logging.getLogger(__name__)

DESCRIPTION = "Feeds, users and lists, read from the projections. Reads only: see X-Projection-Lag for how fresh."

NOUNS = (
    home_timeline,
    user_timeline,
    tweets,
    engagement,
    bookmarks,
    users,
    search,
    trends,
    notifications,
    moderation,
    media,
    live,
    operations,
)


def create_app(services: Services) -> FastAPI:
    """Return the app; it closes the services when it stops."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        live = services.live
        try:
            services.stores.start()
            services.lag.start()
            live.start(Watch(live, services.stores, services.clock, services.revocations, services.trend_boards))
            yield
        finally:
            await live.stop()
            services.close()

    app = _QueryApp(
        title="Murmuration queries",
        version="1",
        description=DESCRIPTION,
        openapi_url=None,  # infra.http.documents has the route, which is counted
        docs_url=None,  # these pages load scripts from other hosts
        redoc_url=None,
        redirect_slashes=False,  # to whatever host the caller names
        telemetry={"tracing": False, "metrics": False, "logs": False},  # asked about at each request otherwise
        lifespan=lifespan,
    )
    app.state.services = services
    app.state.verifier = services.verifier
    app.state.rate_limits = services.rate_limits
    app.state.metrics = CollectorRegistry()
    app.state.metrics.register(QueryMetrics(services))
    app.state.metrics.register(LiveMetrics(services.live))
    app.state.metrics.register(ModerationMetrics(services.stores.standings, services.quarantine))
    problems.install(app)
    documents.install(app)
    app.add_exception_handler(QueryError, _on_query_error)
    app.add_exception_handler(apsw.Error, _on_file_error)
    app.add_exception_handler(StoreError, _on_server_error)
    # Flat, because an included router is matched twice for each request; before the framework's own, and home first.
    app.router.routes[:0] = [route for noun in (*NOUNS, web) for route in noun.router.routes]
    app.add_middleware(ReadOnly)
    if services.surround is not None:
        app.add_middleware(cast("Any", services.surround))
    settings = services.settings
    bounds: dict[str, Any] = {"max_body_bytes": settings.max_body_bytes, "timeout_s": settings.request_timeout_s}
    app.add_middleware(Edge, **bounds, callers=Callers(settings), wider=media.wider(settings))
    return app


class _QueryApp(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = document(self)
        return self.openapi_schema


async def _on_query_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, QueryError)  # noqa: S101 - what it is registered for
    headers = request.scope.get(FRESHNESS)
    return _answer(request, Problem(error.code, error.detail, param=error.param, headers=headers))


async def _on_file_error(request: Request, error: Exception) -> Response:
    """Let go of all files after one went away under its reader: the next request opens them again."""
    services: Services = request.app.state.services
    log.error("a read model cannot be read", exc_info=error)
    if is_of_a_moment(request):
        return _forget_moments(request)
    services.stores.close(f"its file could not be read ({type(error).__name__})")
    return _answer(request, Problem("not_ready", "a read model could not be read; it is being opened again"))


async def _on_server_error(request: Request, error: Exception) -> Response:
    """Answer that a server is away, which is told once elsewhere (infra.progress), and log what is another matter."""
    if not isinstance(error, StoreUnavailableError):
        log.error("a read model cannot be read: %s", error)
        if is_of_a_moment(request):
            return _forget_moments(request)
    return _answer(request, Problem("not_ready", "a read model does not answer; /readyz tells which"))


def _forget_moments(request: Request) -> Response:
    """Let go of frozen generations: one was dropped while it was read, which the next request will know."""
    services: Services = request.app.state.services
    services.moments.close()
    return _answer(request, Problem("not_ready", "what was built as of that time could not be read; ask again"))


def _answer(request: Request, problem: Problem) -> Response:
    return problems.response_of(problem, request.scope.get(REQUEST_ID, ""))
