"""Lets through what reads: GET and HEAD. OPTIONS is answered here, anything else refused, whatever the path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from infra.http.problems import Problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEAD_ONLY = "murmur.head"
"""In the scope of a HEAD: who answers its GET need not make the body."""
ALLOW = {"Allow": "GET, HEAD, OPTIONS"}


class ReadOnly:
    """An ASGI layer; a HEAD is the GET without its body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; raises the 405 problem."""
        if scope["type"] != "http" or scope["method"] == "GET":
            await self._app(scope, receive, send)
        elif scope["method"] == "HEAD":
            # A copy: the server must still see a HEAD, whose answer has no body.
            as_get = {**scope, "method": "GET", HEAD_ONLY: True}
            try:
                await self._app(as_get, receive, _without_body(send))
            finally:
                scope["route"] = as_get.get("route")  # for the metrics
        elif scope["method"] == "OPTIONS":
            await Response(status_code=204, headers=ALLOW)(scope, receive, send)
        else:
            raise Problem("method_not_allowed", headers=ALLOW)


def _without_body(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_head
