"""What the server does with bytes that are no request: problems instead of plain text, and bounds on heads.

uvicorn by itself reads a head of any length for any time, and answers what it cannot parse in plain text.
"""

from __future__ import annotations

import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from infra.http.problems import MEDIA_TYPE, Problem

if TYPE_CHECKING:
    import asyncio

    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

MAX_HEAD_BYTES = 65_536  # request line and headers; one more read from the socket may come on top
TRANSPORT = "murmuration.transport"
"""The extension of an ASGI scope by which a stream learns how much its reader has left untaken."""
GATHERED_BYTES = 65_536  # more than that is not held back for company
HEAD_S = 10.0  # for a whole head, from its first byte (or the connection's start)


class Gathering:
    """A transport that sends what is written within one turn of the loop at once: uvicorn writes head and body apart.

    A system call and the client's waking cost a small answer 15 µs each.
    """

    __slots__ = ("_bytes", "_loop", "_written", "sender")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.sender = transport
        self._loop = loop
        self._written: list[bytes] | None = None  # ten thousand streams are idle most of the time
        self._bytes = 0

    def write(self, data: bytes) -> None:
        """Send it by the end of the turn; much of it, now."""
        if self._written is None:
            self._written = []
            self._loop.call_soon(self.flush)
        self._written.append(data)
        self._bytes += len(data)
        if self._bytes > GATHERED_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send what was written."""
        written, self._written, self._bytes = self._written, None, 0
        if written and not self.sender.is_closing():
            self.sender.writelines(written)

    def close(self) -> None:
        """Send what was written, then hang up."""
        self.flush()
        self.sender.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sender, name)


class BoundedHttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 as uvicorn speaks it, less what a hostile peer could do with an endless or a broken head."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head_bytes = 0
        self._in_head = True
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Give the first head its time."""
        super().connection_made(transport)
        self.transport = cast("Any", Gathering(transport, self.loop))
        self._head_timer = self.loop.call_later(HEAD_S, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; refuse a head that is too long, and time what is not inside a request."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self.transport.get_protocol() is not self:  # a WebSocket has taken the connection over
            self._stop_timer()
            return
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES:
            self._refuse("headers_too_large")
        elif not self._is_answering():
            self._head_timer = self._head_timer or self.loop.call_later(HEAD_S, self._give_up)
        elif self._head_timer is not None:
            self._stop_timer()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over as it is."""
        self.transport = cast("Any", self.transport).sender
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        """Count a new head."""
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: self.transport}  # type: ignore[dict-item]  # ours, not the standard's

    def on_headers_complete(self) -> None:
        """Count no more."""
        self._in_head = False
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP as a problem."""
        del msg
        self._refuse("request_malformed")

    def _refuse(self, code: str) -> None:
        if not self.transport.is_closing() and not self._has_answers_under_way():
            self.transport.write(_answer(Problem(code)))
        self.transport.close()

    def _give_up(self) -> None:
        self._head_timer = None
        if not self._is_answering():
            self.transport.close()

    def _is_answering(self) -> bool:
        newest: RequestResponseCycle | None = self.cycle
        return newest is not None and not newest.response_complete

    def _has_answers_under_way(self) -> bool:
        return bool(self.pipeline) or (self._is_answering() and self.cycle.response_started)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def _answer(problem: Problem) -> bytes:
    status = problem.type.status
    request_id = secrets.token_hex(8)
    body = problem.body(request_id)
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
        f"content-length: {len(body)}\r\nx-request-id: {request_id}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
