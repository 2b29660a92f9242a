"""Server-sent events: an open stream is an answer without an end.

The app admits the request like any query; then its frames are gone, and what is held for an idle stream is uvicorn's
connection, one waiting coroutine and a Stream. Messages are handed to the server's `send` by the hub itself: no queue
and no task a stream. What a reader does not take stays with its connection, up to MOST_UNREAD bytes.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from infra.http.protocol import TRANSPORT
from query_api.live import messages

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from starlette.types import Receive, Scope, Send

    from query_api.live.messages import Message

MOST_UNREAD = 128 * 1024  # bytes written and not taken by the reader's side; some 100 tweets
ABORT_S = 5.0  # after the end was written to a reader who takes nothing
ROOM_S = 10.0  # for a reader to take what it missed
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"connection", b"close"),
]


class Connection:
    """What is known of the connection below an ASGI app; nothing where the server does not tell."""

    __slots__ = ("_transport",)

    def __init__(self, scope: Scope) -> None:
        self._transport: asyncio.Transport | None = (scope.get("extensions") or {}).get(TRANSPORT)
        if self._transport is not None:
            self._transport.set_write_buffer_limits(high=4 * MOST_UNREAD)  # uvicorn's `send` never waits below that

    def is_full(self) -> bool:
        """Tell whether the reader has left more than MOST_UNREAD."""
        return self.unread() > MOST_UNREAD

    def unread(self) -> int:
        """Return the bytes that the reader has left."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def abort_later(self) -> None:
        """Cut the connection if the reader does not take the end."""
        if self._transport is not None:
            asyncio.get_running_loop().call_later(ABORT_S, self._transport.abort)

    async def room(self) -> None:
        """Wait until the reader has taken half of what it may leave; raises TimeoutError."""
        async with asyncio.timeout(ROOM_S):
            while self.unread() > MOST_UNREAD // 2:  # noqa: ASYNC110 - the server's own event is not the app's
                await asyncio.sleep(0.01)


class EventStream:
    """Where a stream's messages go (Sink)."""

    __slots__ = ("_closed", "_connection", "_send")

    def __init__(self, send: Send, connection: Connection) -> None:
        self._send = send
        self._connection = connection
        self._closed = False

    def send(self, message: Message) -> bool:
        """Write a message; False where the reader is too far behind."""
        if self._closed:
            return True
        return not self._connection.is_full() and self._write(message.frame(), more=True)

    def close(self, reason: str) -> None:
        """Say why, and end the answer."""
        if self._closed:
            return
        self._write(messages.of("closing", {"reason": reason}).frame(), more=False)
        self._closed = True
        self._connection.abort_later()

    def _write(self, body: bytes, *, more: bool) -> bool:
        return step(self._send({"type": "http.response.body", "body": body, "more_body": more}))


def step(sending: Awaitable[None]) -> bool:
    """Run a `send` that does not wait; False where it would."""
    steps = sending.__await__()
    try:
        next(steps)
    except StopIteration:
        return True
    except OSError:
        return True  # the reader is gone, which is told elsewhere
    steps.close()
    return False


async def until_gone(receive: Receive) -> None:
    """Return when the reader has gone, or the answer has ended."""
    while (await receive())["type"] != "http.disconnect":
        pass
