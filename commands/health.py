"""Health, readiness and metrics of the command process, at the root."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

import orjson
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from commands.errors import CommandRefusedError
from infra.http.problems import Problem
from infra.http.rate_limits import RateClass, limited
from infra.journal.port import Commit
from infra.log.port import LogUnavailableError
from infra.projections import StoreError

if TYPE_CHECKING:
    from commands.services import Services

CHECK_SECONDS = 2.0  # milliseconds, but for servers that are away: then whoever asks is told so before it gives up
MIN_FREE_BYTES = 64 << 20  # the log grows by some 300 bytes a tweet: 200,000 tweets' notice

router = APIRouter(dependencies=[limited(RateClass.OPEN)], include_in_schema=False)


@router.get("/healthz")
async def health() -> Response:
    """Answer as long as the process runs."""
    return _json({"status": "ok"})


@router.get("/readyz")
async def readiness(request: Request) -> Response:
    """Tell whether commands can be taken: the log takes a commit, the disk has room, the read models are there."""
    services: Services = request.app.state.services
    checks = {
        "log": services.broken() is None and await _log_takes_a_commit(services),
        "disk": shutil.disk_usage(services.settings.data_dir).free >= MIN_FREE_BYTES,
        "projections": await _projections_are_there(services),
        **services.also_ready(),
    }
    missing = [name for name, passed in checks.items() if not passed]
    if missing:
        raise Problem("not_ready", f"These checks fail: {', '.join(missing)}.")
    warnings = services.warnings()
    return _json({"status": "ready", "checks": checks, **({"warnings": warnings} if warnings else {})})


@router.get("/metrics")
async def metrics() -> Response:
    """Show the metrics in Prometheus' text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _log_takes_a_commit(services: Services) -> bool:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await services.journal.commit(Commit((), (), (), 200, b"", None))
    except (LogUnavailableError, StoreError, TimeoutError):
        return False
    return True


async def _projections_are_there(services: Services) -> bool:
    try:
        async with asyncio.timeout(CHECK_SECONDS):  # noqa: ASYNC100 - on servers each read waits, below a bridge
            for view in services.views.all:
                view.reader.checkpoints()
    except (CommandRefusedError, StoreError, TimeoutError):
        return False
    return True


def _json(body: object) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")
