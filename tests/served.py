"""An app behind the real server's protocol, in the test's own loop."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import uvicorn

from infra.http.protocol import BoundedHttpProtocol
from tests.waiting import soon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp


class Served:
    """Where it listens, and who is connected."""

    def __init__(self, server: uvicorn.Server) -> None:
        self._server = server
        self.port: int = server.servers[0].sockets[0].getsockname()[1]

    @property
    def connections(self) -> int:
        return len(self._server.server_state.connections)


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[Served]:
    """Serve until the end of the `with`."""
    config = uvicorn.Config(
        app, port=0, log_config=None, http=BoundedHttpProtocol, ws="none", lifespan="off", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    config.load()
    serving = asyncio.create_task(server.serve())
    await soon(lambda: server.started)
    try:
        yield Served(server)
    finally:
        server.should_exit = True
        await serving
