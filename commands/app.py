"""The command API: its routes, and how what goes wrong is answered."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import FastAPI, Request, Response

from commands import health
from commands.access import endpoint as access
from commands.accounts import endpoint as accounts
from commands.engagement import endpoint as engagement
from commands.errors import CommandRefusedError
from commands.graph import endpoint as graph
from commands.media import direct
from commands.media import endpoint as media
from commands.media.collector import Collector
from commands.moderation import endpoint as moderation
from commands.notifications import endpoint as notifications
from commands.oauth import consent
from commands.oauth import endpoint as oauth
from commands.privacy import endpoint as privacy
from commands.privacy import export_endpoint as export
from commands.privacy.erasure import Erasure
from commands.privacy.export import Exports
from commands.push import endpoint as push
from commands.tweets import endpoint as tweets
from infra.http import documents, openapi, problems
from infra.http.callers import Callers
from infra.http.cors import Cors
from infra.http.middleware import Edge
from infra.http.problems import Problem
from infra.http.rate_limits import RateClass, limited
from infra.journal.port import IdempotencyKeyReusedError, JournalError
from infra.log.port import LogUnavailableError
from infra.projections import StoreUnavailableError
from schemas.ids import ClockWentBackError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from commands.services import Services

CHORES_EVERY_S = 600  # forgets old answers, sessions and what is beyond the retention
ERASE_EVERY_S = 15
EXPORT_EVERY_S = 5
WATCH_EVERY_S = 0.5
_RETRY = {"Retry-After": "1"}

log = logging.getLogger(__name__)

_NOUNS = (
    *(accounts, access, oauth, tweets, graph, engagement),
    *(export, media, direct, moderation, notifications, privacy, push),
)


def create_app(services: Services, on_close: Callable[[], None] = lambda: None) -> FastAPI:
    """Return the app; `on_close` runs when its last request has ended."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        besides = [asyncio.create_task(work(services)) for work in (_chores, _erasures, _exports, _watch)]
        try:
            yield
        finally:
            for task in besides:
                task.cancel()
            await asyncio.gather(*besides, return_exceptions=True)
            on_close()

    app = FastAPI(
        title="Murmuration commands",
        version="1",
        description="Post, follow, like. Reads are the query API's.",
        openapi_url=None,  # infra.http.documents has the route, which is counted
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # asked about at each request otherwise
        lifespan=lifespan,
    )
    app.state.services = services
    app.state.verifier = services.verifier
    app.state.rate_limits = services.rate_limits
    _add_routes(app, services)
    problems.install(app)
    documents.install(app)
    app.add_exception_handler(CommandRefusedError, _on_refused)
    app.add_exception_handler(JournalError, _on_journal_error)
    app.add_exception_handler(LogUnavailableError, _on_log_unavailable)
    app.add_exception_handler(StoreUnavailableError, _on_store_unavailable)
    app.add_exception_handler(ClockWentBackError, _on_clock_went_back)
    openapi.install(app, [struct for noun in _NOUNS for struct in noun.STRUCTS])
    settings = services.settings
    bounds: dict[str, Any] = {"max_body_bytes": settings.max_body_bytes, "timeout_s": settings.request_timeout_s}
    app.add_middleware(Edge, **bounds, callers=Callers(settings), wider=media.wider(settings))
    app.add_middleware(Cors, settings=settings)  # outermost: a page is told of every problem
    return app


def _add_routes(app: FastAPI, services: Services) -> None:
    nouns = (tweets.router, engagement.router, graph.router, accounts.auth, accounts.users, notifications.router)
    uploads = (media.router, direct.router)
    others = (push.router, access.router, oauth.router, oauth.known, consent.router, health.router)
    for router in (*nouns, *uploads, *others, privacy.router, export.router, moderation.router):
        app.router.routes.extend(router.routes)  # flat: an included router is matched twice for each request

    @app.get("/.well-known/jwks.json", dependencies=[limited(RateClass.OPEN)], include_in_schema=False)
    async def jwks() -> Response:
        return Response(orjson.dumps(services.keys.jwks()), media_type="application/jwk-set+json")


async def _chores(services: Services) -> None:
    while True:
        try:
            await services.run(_one_round(services))
        except Exception:
            log.exception("a chore failed; the next round tries again")
        await asyncio.sleep(CHORES_EVERY_S)


async def _one_round(services: Services) -> None:
    await services.journal.prune(services.clock.now_ms())
    await services.registry.sweep(services.journal)
    try:
        await Collector(services).round()
    except CommandRefusedError as refused:
        log.info("media are collected later: %s", refused.detail)
    await services.journal.cut(services.settings.retention_days, services.clock.now_ms())  # the archive may be away


async def _erasures(services: Services) -> None:
    erasure = Erasure(services)
    while True:
        await asyncio.sleep(ERASE_EVERY_S)
        try:
            await services.run(_erase(erasure))
        except Exception:
            log.exception("erasures failed; the next round goes on")


async def _exports(services: Services) -> None:
    if services.privacy.shelf is None or services.media is None:
        return
    exports = Exports(services, services.privacy.shelf, services.media.objects)
    while True:
        await asyncio.sleep(EXPORT_EVERY_S)
        try:
            await services.run(_export(exports))
        except Exception:
            log.exception("exports failed; the next round goes on")


async def _export(exports: Exports) -> None:
    await exports.round()


async def _erase(erasure: Erasure) -> None:
    await erasure.round()


async def _watch(services: Services) -> None:
    """Stop the process, as a signal would, once it can take no commands any more: its supervisor starts it anew."""
    while True:
        await asyncio.sleep(WATCH_EVERY_S)
        if reason := services.broken():
            log.critical("this process has to be started anew: %s", reason)
            os.kill(os.getpid(), signal.SIGTERM)
            return


async def _on_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, CommandRefusedError)  # noqa: S101 - what it is registered for
    headers = _RETRY if error.code == "projection_behind" else None
    problem = Problem(error.code, error.detail, param=error.param, headers=headers)
    return problems.answer(request, problem)


async def _on_journal_error(request: Request, error: Exception) -> Response:
    if isinstance(error, IdempotencyKeyReusedError):
        return problems.answer(request, Problem("idempotency_key_reused", param="Idempotency-Key"))
    return problems.answer(request, Problem("overloaded", headers=_RETRY))  # twins kept taking each other's claims


async def _on_log_unavailable(request: Request, error: Exception) -> Response:
    log.warning("the log cannot be written or asked: %s", error)
    return problems.answer(request, Problem("log_unavailable", headers=_RETRY))


async def _on_store_unavailable(request: Request, error: Exception) -> Response:
    log.warning("a store does not answer: %s", error)
    return problems.answer(request, Problem("not_ready", "A store does not answer.", headers=_RETRY))


async def _on_clock_went_back(request: Request, error: Exception) -> Response:
    log.critical("no ids are given", exc_info=error)
    return problems.answer(request, Problem("clock_went_back", headers=_RETRY))
