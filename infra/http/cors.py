"""Lets pages of named origins call an API from a browser (CORS, Fetch standard §3.3): no cookies, only bearer tokens.

Without a list, the pages of the same host name at the query API's port may: the pages that this installation serves.
Anybody else is answered as ever, without the headers, so that the browser keeps the answer from the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from infra.settings import Settings

METHODS = "GET, POST, PUT, PATCH, DELETE"
SENT = "Authorization, Content-Type, Idempotency-Key, X-Consistency-Token"
SHOWN = "X-Consistency-Token, Idempotency-Replayed, Retry-After, RateLimit, RateLimit-Policy, X-Request-Id"
KEPT_SECONDS = "7200"  # the longest that browsers keep it


class Cors:
    """The outermost layer of an app that pages call."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        named = (part.strip().rstrip("/") for part in settings.pages_origins.split(","))
        self._origins = frozenset(origin for origin in named if origin)
        self._own_port = settings.query_port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight, or add the headers to what the app answers."""
        origin = _header(scope, b"origin") if scope["type"] == "http" else ""
        if not origin or not self._may(origin, scope):
            await self._app(scope, receive, send)
            return
        headers = {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
        if scope["method"] == "OPTIONS" and _header(scope, b"access-control-request-method"):
            asked = {"Access-Control-Allow-Methods": METHODS, "Access-Control-Allow-Headers": SENT}
            told = {**headers, **asked, "Access-Control-Max-Age": KEPT_SECONDS}
            await Response(status_code=204, headers=told)(scope, receive, send)
            return
        headers["Access-Control-Expose-Headers"] = SHOWN
        await self._app(scope, receive, _adding(send, headers))

    def _may(self, origin: str, scope: Scope) -> bool:
        if self._origins:
            return origin in self._origins
        name = _without_port(_header(scope, b"host"))
        return origin == f"http://{name}:{self._own_port}"


def _adding(send: Send, headers: dict[str, str]) -> Send:
    added = [(name.lower().encode(), text.encode("latin-1")) for name, text in headers.items()]

    async def send_more(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *added]
        await send(message)

    return send_more


def _header(scope: Scope, wanted: bytes) -> str:
    value: bytes = next((value for name, value in scope["headers"] if name == wanted), b"")
    return value.decode("latin-1")


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host
