"""Requests over keep-alive connections: as fast as answers come (closed loop), or at fixed times, come what may (open).

The latency of an open loop counts from the time at which a request was due, so that a stall is charged to every
request that it delayed.
"""

from __future__ import annotations

import asyncio
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

OK = b"HTTP/1.1 200"
BUFFER = 1 << 20
ANSWER_SECONDS = 30.0  # whoever has no answer by then has none
UNANSWERED = 0  # instead of a status
IDLE_SECONDS = 2.0  # then a connection is not trusted any more: the server hangs up after five


class Load(NamedTuple):
    """What came of a run: seconds it took, bytes of bodies, milliseconds of each request in ascending order."""

    seconds: float
    body_bytes: int
    latencies_ms: list[float]

    def percentile(self, share: float) -> float:
        """Return a percentile in milliseconds."""
        return self.latencies_ms[min(len(self.latencies_ms) - 1, int(len(self.latencies_ms) * share / 100))]


class Connection:
    """One keep-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.used_at = time.perf_counter()

    @classmethod
    async def open(cls, port: int) -> Connection:
        """Connect to a local server."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=BUFFER))

    async def get(self, request: bytes) -> int:
        """Send a request and read its answer, which must be good; return the body's length."""
        head, body = await self.ask(request)
        if not head.startswith(OK):
            raise RuntimeError(head.decode())
        return len(body)

    async def ask(self, request: bytes) -> tuple[bytes, bytes]:
        """Send a request; return the head and the body of its answer."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
        body = await self._reader.readexactly(length)
        self.used_at = time.perf_counter()
        return head, body

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


class Asked(NamedTuple):
    """One request of an endless load: when it was due, how long its answer took since then, and its status.

    What was broken off, refused, or silent for ANSWER_SECONDS, has the status UNANSWERED.
    """

    due: float
    ms: float
    status: int


async def endless(
    port: int,
    requests: Iterator[bytes],
    connections: int,
    rate: float,
    over: asyncio.Event,
    seen: Callable[[bytes, float, bytes], None] = lambda *_: None,
) -> list[Asked]:
    """Send at a fixed rate until it is over; `seen` gets each request that was met, when it was sent, and the body."""
    free: asyncio.Queue[Connection] = asyncio.LifoQueue()
    for _ in range(connections):
        free.put_nowait(await Connection.open(port))
    asked: list[Asked] = []

    async def one(due: float) -> None:
        connection, request = await free.get(), next(requests)
        sent, status, body = time.perf_counter(), UNANSWERED, b""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                if sent - connection.used_at > IDLE_SECONDS:
                    connection.close()
                    connection = await Connection.open(port)
                sent = time.perf_counter()
                head, body = await connection.ask(request)
                status = int(head.split(b" ", 2)[1])
        except (OSError, EOFError, TimeoutError):
            connection.close()
            connection.used_at = 0.0  # another is opened by whoever comes next
        asked.append(Asked(due, (time.perf_counter() - due) * 1e3, status))
        free.put_nowait(connection)
        if status == HTTPStatus.OK:
            seen(request, sent, body)

    began, number = time.perf_counter(), 0
    async with asyncio.TaskGroup() as running:
        while not over.is_set():
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            running.create_task(one(due))
            number += 1
    while not free.empty():
        free.get_nowait().close()
    return asked


def request(path: str, token: str) -> bytes:
    """Return the bytes of a GET."""
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


async def closed_loop(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> Load:
    """Keep every connection busy for some time."""
    began = time.perf_counter()
    latencies: list[float] = []
    total = 0

    async def keep_busy(number: int) -> None:
        nonlocal total
        connection = await Connection.open(port)
        at = number
        while (sent := time.perf_counter()) - began < seconds:
            length = await connection.get(requests[at % len(requests)])
            total += length
            latencies.append((time.perf_counter() - sent) * 1e3)
            at += connections
        connection.close()

    await asyncio.gather(*(keep_busy(number) for number in range(connections)))
    return Load(time.perf_counter() - began, total, sorted(latencies))


async def open_loop(port: int, requests: Sequence[bytes], connections: int, rate: float, seconds: float) -> Load:
    """Send at a fixed rate; a request that finds every connection busy waits, and its clock runs."""
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(connections):
        free.put_nowait(await Connection.open(port))
    latencies: list[float] = []
    total = 0

    async def one(number: int, due: float) -> None:
        nonlocal total
        connection = await free.get()
        length = await connection.get(requests[number % len(requests)])
        total += length
        latencies.append((time.perf_counter() - due) * 1e3)
        free.put_nowait(connection)

    began = time.perf_counter()
    running = []
    for number in range(int(rate * seconds)):
        due = began + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        running.append(asyncio.create_task(one(number, due)))
    await asyncio.gather(*running)
    took = time.perf_counter() - began
    while not free.empty():
        free.get_nowait().close()
    return Load(took, total, sorted(latencies))
