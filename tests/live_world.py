"""A world whose query process is really served, and clients of its open streams."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import httpx
import uvicorn
import websockets

from infra.http.protocol import BoundedHttpProtocol
from infra.http.web_socket import MAX_MESSAGE_BYTES, WebSocketProtocol
from query_api.live.held import Held
from query_api.live.hub import TOPICS
from tests.query_world import SESSION, World
from tests.waiting import soon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AsyncExitStack
    from pathlib import Path

    from websockets.asyncio.client import ClientConnection

    from query_api.live.service import Live
    from schemas.envelope import Event
    from tests.query_world import Backing

PATIENCE_S = 10.0
STREAM = "/api/v1/stream"


class Heard(NamedTuple):
    """A message of a stream."""

    event: str
    data: Any
    event_id: str


class Events:
    """An open stream of server-sent events."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()
        self.last_id = ""

    async def next(self, *kinds: str) -> Heard:
        """Return the next message, of these kinds where some are named; comments and ids alone are passed by."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                heard = await self._block()
                if heard.event and (not kinds or heard.event in kinds):
                    return heard

    async def ended(self) -> list[Heard]:
        """Return what is still heard before the stream ends."""
        found = []
        async with asyncio.timeout(PATIENCE_S):
            try:
                while True:
                    found.append(await self._block())
            except StopAsyncIteration:
                return [it for it in found if it.event]

    async def _block(self) -> Heard:
        fields: dict[str, str] = {}
        while line := await anext(self._lines):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        self.last_id = fields.get("id", self.last_id)
        data = fields.get("data")
        return Heard(fields.get("event", ""), json.loads(data) if data else None, self.last_id)


class Socket:
    """An open WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def next(self, *kinds: str) -> Heard:
        """Return the next message, of these kinds where some are named."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                said = json.loads(await self.connection.recv())
                if said["event"] != "heartbeat" and (not kinds or said["event"] in kinds):
                    return Heard(said["event"], said["data"], said.get("id", ""))

    async def say(self, **said: Any) -> None:
        """Send a message."""
        await self.connection.send(json.dumps(said))

    async def closed(self) -> tuple[int, str]:
        """Return code and reason, once it is closed."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    await self.connection.recv()
                except websockets.ConnectionClosed as closed:
                    received = closed.rcvd
                    return (1006, "") if received is None else (received.code, received.reason)


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
        await self.http.aclose()
        self.live.drain()
        self.server.should_exit = True
        await self._serving
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
        assert self.services.live is not None
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
