"""A world whose query process is really served, and clients of its open streams."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

import httpx
import uvicorn
import websockets

from infra.http.protocol import BoundedHttpProtocol
from infra.http.web_socket import MAX_MESSAGE_BYTES, WebSocketProtocol
from query_api.live.held import Held
from query_api.live.hub import TOPICS
from tests.query_world import SESSION, World
from tests.stream_clients import PATIENCE_S, STREAM, Events, Socket
from tests.waiting import soon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AsyncExitStack
    from pathlib import Path

    from query_api.live.service import Live
    from schemas.envelope import Event
    from tests.query_world import Backing


class LiveWorld(World):
    """A world that is served on a port of its own while it is entered."""

    async def __aenter__(self) -> Self:
        config = uvicorn.Config(
            Held(self.app, self.live),
            port=0,
            log_config=None,
            http=BoundedHttpProtocol,
            ws=WebSocketProtocol,
            ws_max_size=MAX_MESSAGE_BYTES,
            ws_per_message_deflate=False,
            lifespan="on",
            timeout_graceful_shutdown=5,
        )
        self.server = uvicorn.Server(config)
        self.server.config.load()
        self._serving = asyncio.create_task(self.server.serve())
        await soon(lambda: self.server.started)
        self.port: int = self.server.servers[0].sockets[0].getsockname()[1]
        self.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=PATIENCE_S)
        return self

    async def __aexit__(self, *exc: object) -> None:
        try:
            await self.http.aclose()
            self.live.drain()
            self.server.should_exit = True
            await self._serving
        finally:
            await super().__aexit__(*exc)

    async def say(self, *events: Event) -> None:
        """Publish events, and wait until the hub has told them."""
        await self.publish(*events)
        await self.settled()

    async def settled(self) -> None:
        """Wait until the hub has read all of the log."""
        ends = self.log.end_offsets(TOPICS)
        await soon(lambda: self.live.hub is not None and self.live.hub.reached(ends))

    @property
    def live(self) -> Live:
        """The live side of the process."""
        return self.services.live

    def token(self, user_id: int, session_id: int = SESSION) -> str:
        """An access token."""
        return self._tokens.issue(user_id, session_id)

    @asynccontextmanager
    async def events(
        self, user_id: int, since: str = "", session_id: int = SESSION, **params: Any
    ) -> AsyncIterator[Events]:
        """Open a stream, which is there once its first message was heard."""
        headers = {"Authorization": f"Bearer {self.token(user_id, session_id)}"}
        if since:
            headers["Last-Event-ID"] = since
        async with self.http.stream("GET", STREAM, headers=headers, params=params) as response:
            assert response.status_code == 200, await response.aread()
            yield Events(response)

    @asynccontextmanager
    async def socket(self, user_id: int, query: str = "", session_id: int = SESSION) -> AsyncIterator[Socket]:
        """Open a WebSocket."""
        headers = {"Authorization": f"Bearer {self.token(user_id, session_id)}"}
        uri = f"ws://127.0.0.1:{self.port}{STREAM}?{query}"
        async with websockets.connect(uri, additional_headers=headers, compression=None) as connection:
            yield Socket(connection)

    async def opened(self, user_id: int, stack: AsyncExitStack, **params: Any) -> Events:
        """Open a stream for as long as an exit stack lasts, and hear that it is ready."""
        events: Events = await stack.enter_async_context(self.events(user_id, **params))
        assert (await events.next()).event == "ready"
        return events


def live_world(folder: Path, backing: Backing | None = None, **settings: Any) -> LiveWorld:
    """Return a world, to be entered."""
    return LiveWorld(folder, backing=backing, rate_limits=False, **settings)
