"""WebSockets: the same messages as an event stream's, each a JSON text; and the client may say what it shows.

What a client says is a JSON object: `{"op": "watch", "tweet_ids": [...]}`, `unwatch` likewise, `{"op": "ping"}`.
Whatever else it sends ends the connection with a code that says why.
"""

from __future__ import annotations

import time
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import msgspec

from query_api.errors import InvalidValueError
from query_api.live import messages
from query_api.live.counters import MOST_WATCHED
from query_api.live.endpoint import tweets_of_ids
from query_api.live.streams import Outlet, step

if TYPE_CHECKING:
    from starlette.types import Receive

    from query_api.live.index import Stream
    from query_api.live.messages import Message
    from query_api.live.service import Live

MOST_SAID = 100
SAID_S = 10.0  # MOST_SAID messages in that time, from a client


class Code(IntEnum):
    """Why a connection is closed (RFC 6455 §7.4; 4000 and above are ours). One that is too long ends with 1009."""

    RESTARTING = 1012
    BINARY = 1003
    TOO_MUCH = 1008
    NOT_OURS = 4400
    SESSION_ENDED = 4401
    SLOW = 4408


_CODES = {
    "restarting": Code.RESTARTING,
    "session_ended": Code.SESSION_ENDED,
    "token_expired": Code.SESSION_ENDED,
    "account_suspended": Code.SESSION_ENDED,
    "slow": Code.SLOW,
}


class Said(msgspec.Struct, forbid_unknown_fields=True):
    """What a client says."""

    op: str
    tweet_ids: list[str] = []


class Socket(Outlet):
    """Where a stream's messages go (Sink)."""

    __slots__ = ()

    def send(self, message: Message) -> bool:
        """Write a message; False where the reader is too far behind."""
        if self._closed:
            return True
        text = message.text()
        self._stall.written += len(text)
        return not self._connection.is_full() and step(self._send({"type": "websocket.send", "text": text}))

    def close(self, reason: str) -> None:
        """End the connection, and say why."""
        self.refuse(_CODES[reason], reason)

    def refuse(self, code: Code, reason: str) -> None:
        """End the connection with a code."""
        if not self._closed:
            self._closed = True
            step(self._send({"type": "websocket.close", "code": int(code), "reason": reason}))
            self._connection.abort_later()


class Listener:
    """Hears what a client says, until it goes or says what it must not."""

    def __init__(self, live: Live, stream: Stream, socket: Socket) -> None:
        self._live = live
        self._stream = stream
        self._socket = socket
        self._since = time.monotonic()
        self._said = 0

    async def listen(self, receive: Receive) -> None:
        """Return when the client has gone."""
        while (message := await receive())["type"] != "websocket.disconnect":
            await self._hear(message)

    async def _hear(self, message: Any) -> None:
        text = message.get("text")
        if self._is_chatty():
            self._socket.refuse(Code.TOO_MUCH, f"more than {MOST_SAID} messages in {SAID_S:.0f} s")
        elif text is None:
            self._socket.refuse(Code.BINARY, "messages are text")
        else:
            try:
                await self._do(msgspec.json.decode(text, type=Said))
            except (msgspec.DecodeError, UnicodeEncodeError, InvalidValueError) as error:
                self._socket.refuse(Code.NOT_OURS, str(error)[:100])

    async def _do(self, said: Said) -> None:
        match said.op:
            case "watch":
                wanted = tweets_of_ids(said.tweet_ids)
                if len(self._stream.counters | wanted) > MOST_WATCHED:
                    self._socket.refuse(Code.TOO_MUCH, f"a stream watches {MOST_WATCHED} tweets at most")
                else:
                    await self._live.watch(self._stream, wanted)
            case "unwatch":
                self._live.unwatch(self._stream, tweets_of_ids(said.tweet_ids))
            case "ping":
                self._socket.send(messages.of("pong", {}))
            case _:
                self._socket.refuse(Code.NOT_OURS, "op is watch, unwatch or ping")

    def _is_chatty(self) -> bool:
        now = time.monotonic()
        if now - self._since > SAID_S:
            self._since, self._said = now, 0
        self._said += 1
        return self._said > MOST_SAID
