"""Serves metrics and readiness of the stream process, inside its event loop: what they ask is not thread-safe."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web  # Faust brings it along
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from infra import probe

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from prometheus_client import CollectorRegistry

    from infra.settings import Settings

LOOPBACK = "127.0.0.1"


@asynccontextmanager
async def served(
    registry: CollectorRegistry, settings: Settings, look: Callable[[], Awaitable[Mapping[str, bool]]]
) -> AsyncIterator[None]:
    """Serve /metrics, /healthz and /readyz while the block runs; on files, only where the settings give a port.

    `look` tells, by part, whether it does its work. On servers a process to which no port is given takes a free one on
    the loopback address, and says which in its file of `run/`.
    """
    on_servers = settings.profile == "cluster"
    if not settings.streams_metrics_port and not on_servers:
        yield
        return

    async def metrics(_: web.Request) -> web.Response:
        await look()
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def health(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readiness(_: web.Request) -> web.Response:
        checks = await look()
        ready = all(checks.values())
        body = {"status": "ready" if ready else "not_ready", "checks": dict(checks)}
        return web.json_response(body, status=200 if ready else 503)

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/healthz", health)
    app.router.add_get("/readyz", readiness)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    file = settings.run_dir / f"{settings.instance or 'streams'}.json"
    try:
        host = settings.host if settings.streams_metrics_port else LOOPBACK
        await web.TCPSite(runner, host, settings.streams_metrics_port).start()
        port = runner.addresses[0][1]
        facts = {"listening": f"http://{host}:{port}", "port": port, "pid": os.getpid()}
        facts |= {"own_host": host, "own_port": port}
        probe.announce(file, facts)
        yield
    finally:
        file.unlink(missing_ok=True)
        await runner.cleanup()
