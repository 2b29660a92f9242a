"""Server-sent events: an open stream is an answer without an end.

The app admits the request like any query; then its frames are gone, and what is held for an idle stream is uvicorn's
connection, one waiting coroutine and a Stream. Messages are handed to the server's `send` by the hub itself: no queue
and no task a stream. What a reader does not take stays with its connection, up to MOST_UNREAD bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from typing import TYPE_CHECKING

from infra.http.protocol import TRANSPORT
from query_api.live import messages

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from starlette.types import Scope, Send

    from query_api.live.messages import Message

MOST_UNREAD = 128 * 1024  # bytes written and not taken by the reader's side; some 100 tweets
KERNEL_BYTES = 64 * 1024  # besides, of the kernel's; it would take some megabytes for a reader who takes nothing
AGAIN_MS = 500, 5_000  # after which readers come back who were sent away by a stop, not all at once
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
            with contextlib.suppress(OSError):
                peer: socket.socket = self._transport.get_extra_info("socket")
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)

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


class Stall:
    """Finds out that a reader has stopped."""

    __slots__ = ("_taken", "written")

    def __init__(self) -> None:
        self.written = 0
        self._taken = -1  # when something was left at the last call

    def is_one(self, unread: int) -> bool:
        """Tell whether something is left, was left at the last call, and nothing was taken in between."""
        taken = self.written - unread if unread else -1
        stalled = bool(unread) and taken == self._taken
        self._taken = taken
        return stalled


class Outlet:
    """What a message goes out by, whatever it is written as, and whether its reader still reads."""

    __slots__ = ("_closed", "_connection", "_send", "_stall")

    def __init__(self, send: Send, connection: Connection) -> None:
        self._send = send
        self._connection = connection
        self._closed = False
        self._stall = Stall()

    def is_stuck(self) -> bool:
        """Tell whether the reader has taken nothing of what was left since the last call."""
        return self._stall.is_one(self._connection.unread())


class EventStream(Outlet):
    """Where a stream's messages go (Sink)."""

    __slots__ = ()

    def send(self, message: Message) -> bool:
        """Write a message; False where the reader is too far behind."""
        if self._closed:
            return True
        return not self._connection.is_full() and self._write(message.frame(), more=True)

    def close(self, reason: str) -> None:
        """Say why, and end the answer."""
        if self._closed:
            return
        again = random.randint(*AGAIN_MS)  # noqa: S311 - no secret
        hint = b"retry: %d\n" % again if reason == "restarting" else b""
        self._write(hint + messages.of("closing", {"reason": reason}).frame(), more=False)
        self._closed = True
        self._connection.abort_later()

    def _write(self, body: bytes, *, more: bool) -> bool:
        self._stall.written += len(body)
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
