"""Posts as clients send them, with token, Idempotency-Key, rate limit and fsync: `python -m benchmarks.post_tweet`.

Beside it, in the same run and with the same load: FastAPI and the log alone. CPU is that of the server process.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.cpu import cpu_seconds
from benchmarks.row import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

CONNECTIONS = 32
AUTHORS = 50
RATE_PER_S = 200
SECONDS = 8.0
WARM_UP_REQUESTS = 2_000
CONTENT = "Dusk at the pier: https://example.org/2026/10/starlings?from=pier #murmuration #dusk"
SETTINGS = {
    "MURMURATION_COMMANDS_PORT": "0",
    "MURMURATION_LOG_LEVEL": "WARNING",
    "MURMURATION_RATE_LIMIT_WRITES_PER_MINUTE": "100000000",
    "MURMURATION_RATE_LIMIT_AUTH_PER_MINUTE": "100000",
    "MURMURATION_ARGON2_MEMORY_KIB": "64",
}


class Server(NamedTuple):
    """A server process that listens on a port of the loopback."""

    port: int
    pid: int

    def cpu_s(self) -> float:
        """Return the CPU seconds that the process has used, in all its threads."""
        return cpu_seconds(self.pid)


class Measured(NamedTuple):
    """One server under both loads."""

    cpu_us: float
    per_s: float
    p50_ms: float
    p99_ms: float


@contextmanager
def serving(*arguments: str, environment: Mapping[str, str]) -> Iterator[Server]:
    """Run a server module, which prints its port in a line of JSON, and stop it afterwards."""
    command = [sys.executable, "-m", *arguments]
    with subprocess.Popen(command, env={**environment, **SETTINGS}, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - asked for above
            yield Server(json.loads(process.stdout.readline())["port"], process.pid)
        finally:
            process.terminate()
            process.wait(30)


def register(port: int, name: str) -> str:
    """Open an account and return its access token."""
    body = json.dumps({"username": name, "password": "starlings"}).encode()
    url = f"http://127.0.0.1:{port}/api/v1/auth/register"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        session: dict[str, Any] = json.load(answer)
    return str(session["access_token"])


def posts(tokens: list[str], *, keyed: bool = True) -> Callable[[], bytes]:
    """Return what makes the bytes of one more post, each under an Idempotency-Key of its own unless told otherwise."""
    body = json.dumps({"content": CONTENT})
    head = "POST /api/v1/tweets HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    heads = [f"{head}Content-Length: {len(body)}\r\nAuthorization: Bearer {token}\r\n" for token in tokens]
    numbers = iter(range(1 << 40))

    def make() -> bytes:
        key = f"Idempotency-Key: {uuid.uuid4()}\r\n" if keyed else ""
        return f"{heads[next(numbers) % len(heads)]}{key}\r\n{body}".encode()

    return make


class Connection(NamedTuple):
    """A keep-alive connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def post(self, request: bytes) -> None:
        """Send one request and read its answer, which must be 201."""
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 201"):
            raise RuntimeError(head.decode())
        length = head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0]
        await self.reader.readexactly(int(length))


async def connect(port: int) -> list[Connection]:
    """Open the connections."""
    return [Connection(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(CONNECTIONS)]


async def closed_loop(connections: list[Connection], make: Callable[[], bytes], until: Callable[[], bool]) -> int:
    """Post as fast as answers come; return how many."""
    done = 0

    async def keep_posting(connection: Connection) -> None:
        nonlocal done
        while not until():
            await connection.post(make())
            done += 1

    await asyncio.gather(*map(keep_posting, connections))
    return done


async def open_loop(connections: list[Connection], make: Callable[[], bytes], seconds: float) -> list[float]:
    """Post at a fixed rate, whatever the answers take; return the milliseconds since each was due, ascending."""
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for connection in connections:
        free.put_nowait(connection)
    latencies: list[float] = []

    async def one(due: float) -> None:
        connection = await free.get()
        await connection.post(make())
        latencies.append((time.perf_counter() - due) * 1e3)
        free.put_nowait(connection)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(int(RATE_PER_S * seconds)):
            due = began + number / RATE_PER_S
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(one(due))
    return sorted(latencies)


async def measure(
    server: Server, make: Callable[[], bytes], seconds: float = SECONDS, warm_up: int = WARM_UP_REQUESTS
) -> Measured:
    """Warm up, then load the server both ways."""
    connections = await connect(server.port)
    warm = iter(range(warm_up))
    await closed_loop(connections, make, lambda: next(warm, None) is None)
    latencies = await open_loop(connections, make, seconds)
    cpu_s, began = server.cpu_s(), time.perf_counter()
    done = await closed_loop(connections, make, lambda: time.perf_counter() - began > seconds)
    took_s, cpu_s = time.perf_counter() - began, server.cpu_s() - cpu_s
    for connection in connections:
        connection.writer.close()
    p50, p99 = latencies[len(latencies) // 2], latencies[len(latencies) * 99 // 100]
    return Measured(cpu_s / done * 1e6, done / took_s, p50, p99)


def rows() -> list[Row]:
    """Measure the command process and its ceiling, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        with serving("benchmarks.bare_post", f"{folder}/bare", environment=os.environ) as server:
            bare = asyncio.run(measure(server, posts(["none"])))
        with serving("commands", environment={**os.environ, "MURMURATION_DATA_DIR": f"{folder}/data"}) as server:
            tokens = [register(server.port, f"author_{number}") for number in range(AUTHORS)]
            ours = asyncio.run(measure(server, posts(tokens)))
    return [
        Row(
            "POST /tweets, per core of the command process",
            1e6 / ours.cpu_us,
            "requests/s",
            {"FastAPI + log alone": 1e6 / bare.cpu_us, "CPU µs": ours.cpu_us, "on this machine, shared": ours.per_s},
            "≥ 1,000 (goal 2,500)",
        ),
        Row(
            f"POST /tweets at {RATE_PER_S}/s, open loop, p99",
            ours.p99_ms,
            "ms",
            {"p50": ours.p50_ms, "FastAPI + log alone p50": bare.p50_ms, "p99": bare.p99_ms},
            "< 10 ms",
        ),
    ]


if __name__ == "__main__":
    for row in rows():
        print(row)
