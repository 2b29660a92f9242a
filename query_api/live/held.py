"""Holds streams open: the outermost layer of the query API, for the one path whose answers have no end.

A request for a stream goes through the app like any other, which refuses it or notes in its scope that it is admitted.
Only then the answer begins, and by then nothing of the app is left on the stack.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from query_api.live.endpoint import ADMITTED, HELD, PATH
from query_api.live.streams import HEADERS, Connection, EventStream, until_gone

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from query_api.live.endpoint import Admitted
    from query_api.live.service import Live

START = "http.response.start"


class Held:
    """An ASGI layer."""

    def __init__(self, app: ASGIApp, live: Live) -> None:
        self._app = app
        self._live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve."""
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "GET":
            await self._serve(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: list[tuple[bytes, bytes]] = []
        scope[HELD] = True

        async def refuse(message: Message) -> None:
            if ADMITTED not in scope:
                await send(message)
            elif message["type"] == START:
                headers.extend(pair for pair in message["headers"] if pair[0] not in _OWN)

        try:
            await self._app(scope, receive, refuse)
        finally:
            admitted: Admitted | None = scope.pop(ADMITTED, None)
        if admitted is None:
            return
        try:
            await send({"type": START, "status": 200, "headers": HEADERS + headers})
            scope["headers"] = []  # a stream may be idle for long
            connection = Connection(scope)
            sink = EventStream(send, connection)
            stream = await self._live.open(admitted.viewer, admitted.wanted, sink, connection.room)
            try:
                await until_gone(receive)
            finally:
                self._live.forget(stream)
        finally:
            self._live.leave(admitted.viewer)


_OWN = {b"content-length", b"content-type", b"cache-control", b"connection"}
