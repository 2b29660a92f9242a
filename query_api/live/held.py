"""Holds streams open: the outermost layer of the query API, for the one path whose answers have no end.

A request for a stream goes through the app like any other query, which refuses it or notes in its scope that it is
admitted. Only then the answer begins, and by then nothing of the app is left on the stack. A WebSocket's opening is
shown to the app as the GET that it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import apsw

from infra.http.problems import Problem, response_of
from infra.projections import StoreError
from query_api.errors import QueryError
from query_api.live.endpoint import ADMITTED, HELD, PATH
from query_api.live.sockets import Listener, Socket
from query_api.live.streams import HEADERS, Connection, EventStream

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from query_api.live.doors import Visitor
    from query_api.live.endpoint import Admitted
    from query_api.live.index import Sink, Stream
    from query_api.live.service import Live

START = "http.response.start"
_OWN = {b"content-length", b"content-type", b"cache-control", b"connection"}


class Opened(NamedTuple):
    """A stream, and who is to be let out when it ends."""

    stream: Stream
    visitor: Visitor


class Held:
    """An ASGI layer. Few frames and few names: thousands of streams wait here."""

    def __init__(self, app: ASGIApp, live: Live) -> None:
        self._app = app
        self._live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve."""
        if scope["type"] == "websocket":
            await self._serve_socket(scope, receive, send)
        elif scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "GET":
            await self._app(scope, receive, send)
        elif (opened := await self._open_events(scope, receive, send)) is not None:
            try:
                while (await receive())["type"] != "http.disconnect":
                    pass
            finally:
                self._let_go(opened)

    async def _open_events(self, scope: Scope, receive: Receive, send: Send) -> Opened | None:
        headers: list[tuple[bytes, bytes]] = []
        inner = {**scope, HELD: True}

        async def refuse(message: Message) -> None:
            if ADMITTED not in inner:
                await send(message)
            elif message["type"] == START:
                headers.extend(pair for pair in message["headers"] if pair[0] not in _OWN)

        admitted = await self._admit(inner, receive, refuse)
        if admitted is None:
            return None
        connection = Connection(scope)
        scope["headers"].clear()  # the server keeps what it was asked for as long as it answers
        scope["query_string"] = b""
        begin = send({"type": START, "status": 200, "headers": HEADERS + headers})
        return await self._open(admitted, begin, EventStream(send, connection), connection)

    async def _serve_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        inner = {**scope, "type": "http", "method": "GET", "extensions": {}, HELD: True}
        scope["query_string"] = b""  # the server logs it, and a ticket may be in it

        async def refuse(message: Message) -> None:
            if ADMITTED not in inner:
                await send({**message, "type": f"websocket.{message['type']}"})

        async def no_body() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        await receive()  # that it wants to connect
        if scope["path"] != PATH:
            await response_of(Problem("route_not_found"), "")(inner, no_body, refuse)
            return
        admitted = await self._admit(inner, no_body, refuse)
        if admitted is None:
            return
        connection = Connection(scope)
        socket = Socket(send, connection)
        opened = await self._open(admitted, send({"type": "websocket.accept"}), socket, connection)
        if opened is not None:
            try:
                await Listener(self._live, opened.stream, socket).listen(receive)
            finally:
                self._let_go(opened)

    async def _admit(self, inner: Scope, receive: Receive, send: Send) -> Admitted | None:
        try:
            await self._app(inner, receive, send)
        except BaseException:
            if (admitted := inner.get(ADMITTED)) is not None:
                self._let_out(admitted)
            raise
        found: Admitted | None = inner.get(ADMITTED)
        return found

    async def _open(
        self, admitted: Admitted, begin: Awaitable[None], sink: Sink, connection: Connection
    ) -> Opened | None:
        try:
            await begin
            stream = await self._live.open(admitted.viewer, admitted.wanted, sink, connection.room)
        except (TimeoutError, OSError, QueryError, StoreError, apsw.Error):
            self._let_out(admitted)
            sink.close("restarting")  # the reader is gone or takes nothing, or the log is away: it may come back
            return None
        except BaseException:
            self._let_out(admitted)
            raise
        return Opened(stream, admitted.visitor)

    def _let_go(self, opened: Opened) -> None:
        self._live.forget(opened.stream)
        self._live.leave(opened.stream.viewer)
        self._live.doors.leave(opened.visitor)

    def _let_out(self, admitted: Admitted) -> None:
        self._live.leave(admitted.viewer)
        self._live.doors.leave(admitted.visitor)
