"""Holds streams open: the outermost layer of the query API, for the one path whose answers have no end.

A request for a stream goes through the app like any other query, which refuses it or notes in its scope that it is
admitted. Only then the answer begins, and by then nothing of the app is left on the stack. A WebSocket's opening is
shown to the app as the GET that it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.http.problems import Problem, response_of
from query_api.errors import QueryError
from query_api.live.endpoint import ADMITTED, HELD, PATH
from query_api.live.sockets import Listener, Socket
from query_api.live.streams import HEADERS, Connection, EventStream, until_gone

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from query_api.live.endpoint import Admitted
    from query_api.live.index import Sink, Stream
    from query_api.live.service import Live

START = "http.response.start"
_OWN = {b"content-length", b"content-type", b"cache-control", b"connection"}


class Held:
    """An ASGI layer."""

    def __init__(self, app: ASGIApp, live: Live) -> None:
        self._app = app
        self._live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve."""
        if scope["type"] == "websocket":
            await self._serve_socket(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "GET":
            await self._serve_events(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _serve_events(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: list[tuple[bytes, bytes]] = []

        async def refuse(message: Message) -> None:
            if ADMITTED not in scope:
                await send(message)
            elif message["type"] == START:
                headers.extend(pair for pair in message["headers"] if pair[0] not in _OWN)

        async def hold(_: Stream) -> None:
            await until_gone(receive)

        admitted = await self._admit(scope, receive, refuse)
        if admitted is not None:
            scope["headers"], scope["query_string"] = [], b""  # a stream may be idle for long
            begin = send({"type": START, "status": 200, "headers": HEADERS + headers})
            connection = Connection(scope)
            await self._hold(admitted, begin, EventStream(send, connection), connection, hold)

    async def _serve_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        as_get = {**scope, "type": "http", "method": "GET", "extensions": {}}
        scope["query_string"] = b""  # the server logs it, and a ticket may be in it

        async def refuse(message: Message) -> None:
            if ADMITTED not in as_get:
                await send({**message, "type": f"websocket.{message['type']}"})

        async def no_body() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        await receive()  # that it wants to connect
        if scope["path"] != PATH:
            await response_of(Problem("route_not_found"), "")(as_get, no_body, refuse)
            return
        admitted = await self._admit(as_get, no_body, refuse)
        if admitted is not None:
            connection = Connection(scope)
            socket = Socket(send, connection)

            async def hold(stream: Stream) -> None:
                await Listener(self._live, stream, socket).listen(receive)

            await self._hold(admitted, send({"type": "websocket.accept"}), socket, connection, hold)

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> Admitted | None:
        scope[HELD] = True
        try:
            await self._app(scope, receive, send)
        except BaseException:
            if (admitted := scope.pop(ADMITTED, None)) is not None:
                self._let_go(admitted)
            raise
        found: Admitted | None = scope.pop(ADMITTED, None)
        return found

    async def _hold(
        self,
        admitted: Admitted,
        begin: Awaitable[None],
        sink: Sink,
        connection: Connection,
        hold: Callable[[Stream], Awaitable[None]],
    ) -> None:
        try:
            await begin
            stream = await self._live.open(admitted.viewer, admitted.wanted, sink, connection.room)
            try:
                await hold(stream)
            finally:
                self._live.forget(stream)
        except (TimeoutError, OSError, QueryError):
            sink.close("restarting")  # the reader is gone or takes nothing, or the log is away: it may come back
        finally:
            self._let_go(admitted)

    def _let_go(self, admitted: Admitted) -> None:
        self._live.leave(admitted.viewer)
        self._live.doors.leave(admitted.visitor)
