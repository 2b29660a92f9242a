"""What surrounds every request, in one pure-ASGI layer: id, limits of size and time, metrics, headers, access log."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import re
import time
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import Counter, Histogram
from starlette.requests import ClientDisconnect

from infra.auth.bearer import KEPT
from infra.http.problems import REQUEST_ID, Problem, response_of
from infra.json_logs import ACCESS, FIELDS
from schemas.ids import to_uuid

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from infra.http.callers import Callers

UNMATCHED = "(none)"
CLIENT_WENT_AWAY = 499  # as nginx counts it; never sent
_CALLERS_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
TOLD = "murmur.told"
"""In the scope: a list of headers that whoever sees the request may add to its answer."""
_SECURITY_HEADERS = [  # of answers that say nothing else: an API's, which nobody is to show as a document
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")  # a year; not of subdomains, which are not ours

REQUESTS = Counter("murmur_http_requests", "Requests answered.", ["method", "route", "status"])
DURATION = Histogram(
    "murmur_http_request_duration_seconds",
    "From the request's arrival to the end of its answer.",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)

_PROCESS = os.urandom(8).hex()  # once: each call would let go of the GIL
_serial = itertools.count(1)

log = logging.getLogger(__name__)
access = logging.getLogger(ACCESS)


class Bounds(NamedTuple):
    """The largest body, and the longest time, of a request."""

    max_body_bytes: int
    timeout_s: float


class Edge:
    """The outermost layer of an app.

    A body above `max_body_bytes` is refused with 413 while it streams in, a compressed one with 415. A request longer
    than `timeout_s` is answered 503; any exception that no handler knew is logged under the request's id and answered
    500. A route whose template is in `unbounded` (a stream) has no time limit. Where `callers` say that the caller
    used https, browsers are told to keep to it; of what signs in, or is refused to somebody, the log says who asked and
    from where. What `wider` knows of, uploads, has bounds of its own.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_body_bytes: int,
        timeout_s: float,
        unbounded: frozenset[str] = frozenset(),
        callers: Callers | None = None,
        wider: Callable[[Scope], Bounds | None] = lambda _: None,
    ) -> None:
        self._app = app
        self._bounds = Bounds(max_body_bytes, timeout_s)
        self._unbounded = unbounded
        self._callers = callers
        self._wider = wider

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        bounds = self._wider(scope) or self._bounds
        exchange = _Exchange(scope, receive, send, bounds.max_body_bytes)
        if self._callers is not None and self._callers.is_https(scope):
            scope[TOLD].append(_STRICT_TRANSPORT)
        try:
            if scope["path"] in self._unbounded:
                await self._app(scope, exchange.receive, exchange.send)
            else:
                async with asyncio.timeout(bounds.timeout_s):
                    await self._app(scope, exchange.receive, exchange.send)
        except Problem as problem:
            await exchange.fail(problem)
        except TimeoutError:
            await exchange.fail(Problem("request_timeout"))
        except ClientDisconnect:
            exchange.abandon()
        except Exception as error:
            log.exception("unexpected error", extra={FIELDS: {"request_id": exchange.request_id}})
            await exchange.fail(Problem("internal_error"), error)
        finally:
            exchange.observe(self._callers)


class _Exchange:
    __slots__ = ("_began", "_left", "_receive", "_scope", "_send", "_status", "_told", "request_id")

    def __init__(self, scope: Scope, receive: Receive, send: Send, max_body_bytes: int) -> None:
        self._began = time.perf_counter()
        self._scope, self._receive, self._send = scope, receive, send
        self._left = max_body_bytes
        self._status = 0
        self.request_id = scope[REQUEST_ID] = _request_id(scope)
        self._told: list[tuple[bytes, bytes]] = []
        scope[TOLD] = self._told

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            if _is_compressed(self._scope):
                raise Problem("media_type_unsupported", "Compressed bodies are not taken.")
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                raise Problem("body_too_large", headers={"Connection": "close"})
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = list(message.get("headers", ()))
            headers += [(b"x-request-id", self.request_id.encode()), *self._told]
            names = {name for name, _ in headers}
            headers += [pair for pair in _SECURITY_HEADERS if pair[0] not in names]
            message["headers"] = headers
        await self._send(message)

    async def fail(self, problem: Problem, error: Exception | None = None) -> None:
        if self._status:  # the answer has begun: all that can be done is to break it off
            raise error or problem
        await response_of(problem, self.request_id)(self._scope, self._receive, self.send)

    def abandon(self) -> None:
        """Note that the caller went away before its request was whole: there is nobody to answer."""
        self._status = self._status or CLIENT_WENT_AWAY

    def observe(self, callers: Callers | None) -> None:
        seconds = time.perf_counter() - self._began
        method = self._scope["method"] if self._scope["method"] in _METHODS else "OTHER"
        route = getattr(self._scope.get("route"), "path", UNMATCHED)
        REQUESTS.labels(method, route, self._status).inc()
        DURATION.labels(method, route).observe(seconds)
        if access.isEnabledFor(logging.INFO):
            fields = {
                "method": method,
                "route": route,
                "status": self._status,
                "ms": round(seconds * 1000, 2),
                "request_id": self.request_id,
            }
            if callers is not None and (self._status in _REFUSED or _SIGNS_IN.search(route)):
                fields["from"] = callers.network(self._scope)
                if (who := self._scope.get(KEPT)) is not None:
                    fields["user_id"] = to_uuid(who.user_id)
            access.info("request", extra={FIELDS: fields})


_REFUSED = frozenset((401, 403, 429))
_SIGNS_IN = re.compile(r"/(auth|oauth|sessions|apps)\b")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _is_compressed(scope: Scope) -> bool:
    return any(name == b"content-encoding" and value.lower() != b"identity" for name, value in scope["headers"])


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _CALLERS_ID.fullmatch(value):
            text: bytes = value
            return text.decode()
    return f"{_PROCESS}{next(_serial):08x}"
