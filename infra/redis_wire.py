"""A connection to one Redis within an event loop, shared by all who ask: their commands go out as they come.

Redis answers in order, so a connection needs no pool: requests wait in a queue for their answers. It costs a third of
the client library's own asyncio side. A connection that is lost is made again for whoever asks next; once that has
failed it is tried again until it succeeds, and meanwhile all are told at once that Redis is away.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import hiredis
from redis.connection import parse_url
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,  # noqa: A004 - Redis's own
    InvalidResponse,
    MasterDownError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,  # noqa: A004 - Redis's own
    TryAgainError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

CONNECT_SECONDS = 1.0
AGAIN_SECONDS = 0.1  # after an attempt failed, until the next
_KINDS = {
    "NOSCRIPT": NoScriptError,
    "LOADING": BusyLoadingError,
    "OOM": OutOfMemoryError,
    "READONLY": ReadOnlyError,
    "MASTERDOWN": MasterDownError,
    "CLUSTERDOWN": ClusterDownError,
    "TRYAGAIN": TryAgainError,
    "NOPERM": NoPermissionError,
    "NOAUTH": AuthenticationError,
    "WRONGPASS": AuthenticationError,
}


class _Request(NamedTuple):
    """What is waited for: this many answers, by then."""

    expected: int
    deadline: float
    answers: list[Any]
    done: asyncio.Future[list[Any]]


class Wire(asyncio.Protocol):
    """An open connection; an answer that takes longer than `seconds` breaks it."""

    def __init__(self, seconds: float) -> None:
        self.open = False
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._reader = hiredis.Reader(protocolError=InvalidResponse, replyError=_error)
        self._waiting: deque[_Request] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._why: Exception = ConnectionError("the connection was lost")

    def ask(self, commands: Sequence[tuple[Any, ...]]) -> asyncio.Future[list[Any]]:
        """Send the commands; the answers are errors where a command failed."""
        done: asyncio.Future[list[Any]] = self._loop.create_future()
        self._waiting.append(_Request(len(commands), self._loop.time() + self._seconds, [], done))
        self._transport.write(b"".join(map(hiredis.pack_command, commands)))
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._look)
        return done

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self._transport = transport
        self.open = True

    def data_received(self, data: bytes) -> None:
        """Give answers to those who wait for them."""
        self._reader.feed(data)
        try:
            while self._waiting and (answer := self._reader.gets()) is not False:
                request = self._waiting[0]
                request.answers.append(answer)
                if len(request.answers) == request.expected:
                    self._waiting.popleft()
                    if not request.done.done():  # else nobody waits any more
                        request.done.set_result(request.answers)
        except InvalidResponse as error:
            self.end(error)

    def connection_lost(self, _: Exception | None) -> None:
        """Tell everybody."""
        self.open = False
        if self._timer is not None:
            self._timer.cancel()
        while self._waiting:
            done = self._waiting.popleft().done
            if not done.done():
                done.set_exception(self._why)

    def end(self, why: Exception | None = None) -> None:
        """Close it; who waits is told why."""
        self._why = why or self._why
        self.open = False
        if not self._loop.is_closed():
            self._transport.abort()

    def _look(self) -> None:
        self._timer = None
        if not self._waiting:
            return
        left = self._waiting[0].deadline - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        else:
            self.end(TimeoutError(f"no answer within {self._seconds:g} s"))


class Link:
    """The way to the Redis of a URL from one event loop."""

    def __init__(self, url: str, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        told = parse_url(url)
        self._where = (told.get("host", "localhost"), told.get("port", 6379))
        self._tls = ssl.create_default_context() if url.startswith("rediss:") else None
        names = [told[name] for name in ("username", "password") if told.get(name)]
        self._greeting: list[tuple[Any, ...]] = [("AUTH", *names)] if names else []
        if told.get("db"):
            self._greeting.append(("SELECT", told["db"]))
        self._greeting.append(("PING",))  # one that hangs still lets itself be connected to
        self._connecting: asyncio.Task[None] | None = None
        self._attempted: asyncio.Future[None]
        self._failed: RedisError | None = None
        self._wire: Wire | None = None
        self._guard: AsyncGenerator[None] | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether there is a connection."""
        return self._wire is not None and self._wire.open

    async def connect(self) -> None:
        """Wait for the first attempt to connect, or tell at once that it has failed.

        Raises ConnectionError, TimeoutError or AuthenticationError.
        """
        if self._connecting is None or self._connecting.done():
            self._attempted = self._loop.create_future()
            self._connecting = self._loop.create_task(self._connect_at_last(self._attempted))
        await asyncio.shield(self._attempted)
        if self._failed is not None:
            raise type(self._failed)(str(self._failed))

    def ask(self, commands: Sequence[tuple[Any, ...]]) -> asyncio.Future[list[Any]]:
        """Send the commands; the answers are errors where a command failed. Fails where nothing is connected."""
        if self._wire is None or not self._wire.open:
            failed: asyncio.Future[list[Any]] = self._loop.create_future()
            failed.set_exception(ConnectionError("the connection was lost"))
            return failed
        return self._wire.ask(commands)

    async def _connect_at_last(self, attempted: asyncio.Future[None]) -> None:
        try:
            while True:
                self._failed = await self._connect()
                if not attempted.done():
                    attempted.set_result(None)
                if self._failed is None:
                    return
                await asyncio.sleep(AGAIN_SECONDS)
        finally:
            attempted.cancel()

    async def _connect(self) -> RedisError | None:
        """Connect once and greet; return what went wrong."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, wire = await self._loop.create_connection(lambda: Wire(self._seconds), *self._where, ssl=self._tls)
                guard = _closed_with_the_loop(wire)
                await anext(guard)
                answers = await wire.ask(self._greeting)
        except (OSError, RedisError) as error:  # the loop's TimeoutError is an OSError
            return ConnectionError(f"{self._where[0]}:{self._where[1]}: {error or 'does not answer'}")
        failed = next((it for it in answers if isinstance(it, RedisError)), None)
        if failed is None:
            self._wire, self._guard = wire, guard
        return failed

    def close(self) -> None:
        """Close the connection."""
        if self._loop.is_closed():
            return
        if self._connecting is not None:
            self._connecting.cancel()
        if self._wire is not None:
            self._wire.end()


async def _closed_with_the_loop(wire: Wire) -> AsyncGenerator[None]:
    """Close the connection when the loop shuts its generators down, should nobody have done so before."""
    try:
        yield
    finally:
        wire.end()


def _error(said: str) -> ResponseError:
    kind = _KINDS.get(said.split(" ", 1)[0])
    return kind(said) if kind else ResponseError(said)
