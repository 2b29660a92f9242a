"""Open streams of the query API, over real connections: memory of an idle one, and how soon followers are told.

`python -m benchmarks.live`. Beside it, in the same run with the same readers: an ASGI app that does nothing else than
hold streams and hand on what it is sent. Server, readers and posts share the machine's cores.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import uvloop

from benchmarks.post_tweet import Connection, Server, connect, serving
from benchmarks.row import Row
from benchmarks.stream_readers import Readers
from infra.auth.keys import KeyRing
from infra.auth.tokens import AccessTokens
from infra.clock import SystemClock
from infra.log import embedded
from infra.log.port import Record
from infra.settings import Settings
from schemas.codec import encode, topic_and_key
from schemas.ids import first_id_at
from tests import builders
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from schemas.envelope import Event

STREAMS = 2_000
IDLE = int(os.environ.get("LIVE_BENCH_IDLE", "10000"))
AUTHORS = 500
FOLLOWED = 10  # by each reader: a post is told to 40 of 2,000 streams
STAR_READERS = 1_000
STAR_POSTS = 30
STAR_PAUSE_S = 0.3
POSTS_PER_S = 200
SECONDS = 10.0
CAUGHT_UP_SECONDS = 300.0
STAR = 0
ENVIRONMENT = {"MURMURATION_RATE_LIMITS": "off", "MURMURATION_QUERY_PORT": "0", "MURMURATION_LOG_LEVEL": "WARNING"}


def person(number: int) -> int:
    """Return the id of an account: authors first, then readers."""
    return first_id_at(builders.EPOCH_MS + number)


def follows() -> list[Event]:
    """Return who follows whom: each reader some authors, and the first of them all the same one."""
    found: list[Event] = [builders.registered(person(number)) for number in range(AUTHORS)]
    for reader in range(STREAMS):
        found += [
            builders.followed(person(AUTHORS + reader), person(1 + (reader * 37 + n * 53) % (AUTHORS - 1)))
            for n in range(FOLLOWED)
        ]
        if reader < STAR_READERS:
            found.append(builders.followed(person(AUTHORS + reader), person(STAR)))
    return found


async def write_log(folder: Path, events: Sequence[Event]) -> None:
    """Write the events into a log of their own."""
    embedded.ensure(folder, {})
    log = embedded.open_appender(folder, "facts", {})
    for first in range(0, len(events), 500):
        await log.append([Record(*topic_and_key(it), encode(it)) for it in events[first : first + 500]])
    log.close()


@contextmanager
def streaming(environment: Mapping[str, str]) -> Iterator[None]:
    """Run the stream process."""
    with subprocess.Popen([sys.executable, "-m", "streams", "all"], env=dict(environment)) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


class Bench:
    """The processes of a run, and tokens for everybody."""

    def __init__(self, data: Path, opening: ExitStack) -> None:
        settings = Settings(data_dir=data)
        self._tokens = AccessTokens(KeyRing(settings.keys_dir), SystemClock(), 3600)
        asyncio.run(write_log(settings.log_dir, follows()))
        environment = {**os.environ, **ENVIRONMENT, "MURMURATION_DATA_DIR": str(data)}
        self.commands = opening.enter_context(serving("commands", environment=environment))
        self.query = opening.enter_context(serving("query_api", environment=environment))
        opening.enter_context(streaming(environment))
        until(self._has_caught_up, CAUGHT_UP_SECONDS)

    def _has_caught_up(self) -> bool:
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.query.port}/projections", timeout=5)
        except httpx.HTTPError:
            return False
        known = answer.json()["projections"] if answer.status_code == httpx.codes.OK else []
        return bool(known) and not any(it["lag_events"] for it in known)

    def reads(self, number: int) -> bytes:
        """Return the request for a stream."""
        token = self._tokens.issue(person(AUTHORS + number), 1)
        return f"GET /api/v1/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()

    def post(self, author: int) -> bytes:
        """Return a post."""
        body = json.dumps({"content": f"Dusk at the pier {secrets.token_hex(4)}"})
        token = self._tokens.issue(person(author), 1)
        head = f"POST /api/v1/tweets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


async def posted(connection: Connection, request: bytes) -> tuple[bytes, float]:
    """Post; return the tweet's id, and when the 201 came."""
    connection.writer.write(request)
    head = await connection.reader.readuntil(b"\r\n\r\n")
    now = time.perf_counter()
    if not head.startswith(b"HTTP/1.1 201"):
        raise RuntimeError(head.decode())
    length = int(head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
    return json.loads(await connection.reader.readexactly(length))["tweet_id"].encode(), now


def lags(readers: Readers, acknowledged: dict[bytes, float]) -> list[float]:
    """Return, ascending, the milliseconds from each 201 to each delivery; one before its 201 counts as 0."""
    return sorted(max(0.0, (at - acknowledged[tweet]) * 1e3) for tweet, at in readers.came if tweet in acknowledged)


def percentile(values: Sequence[float], share: float) -> float:
    """Return a percentile of ascending values."""
    return values[min(len(values) - 1, int(len(values) * share / 100))] if values else float("nan")


async def many_authors(bench: Bench, readers: Readers) -> tuple[list[float], float, float]:
    """Post at a fixed rate; return the lags, deliveries a second, and the query process's share of a core."""
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for connection in await connect(bench.commands.port):
        free.put_nowait(connection)
    requests = [bench.post(author) for author in range(1, AUTHORS)]
    acknowledged: dict[bytes, float] = {}

    async def one(number: int) -> None:
        connection = await free.get()
        tweet, at = await posted(connection, requests[number % len(requests)])
        acknowledged[tweet] = at
        free.put_nowait(connection)

    await asyncio.gather(*(one(number) for number in range(200)))  # warm
    await asyncio.sleep(0.5)
    readers.came.clear()
    acknowledged.clear()
    cpu_s, began = bench.query.cpu_s(), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(int(POSTS_PER_S * SECONDS)):
            await asyncio.sleep(max(0.0, began + number / POSTS_PER_S - time.perf_counter()))
            group.create_task(one(number))
    took = time.perf_counter() - began
    cpu_s = bench.query.cpu_s() - cpu_s
    await asyncio.sleep(1)
    return lags(readers, acknowledged), len(readers.came) / took, cpu_s / took


async def one_star(bench: Bench, readers: Readers) -> list[float]:
    """Let one author post to STAR_READERS streams, again and again; return the lags."""
    connection = (await connect(bench.commands.port))[0]
    acknowledged: dict[bytes, float] = {}
    readers.came.clear()
    for _ in range(STAR_POSTS):
        tweet, at = await posted(connection, bench.post(STAR))
        acknowledged[tweet] = at
        await asyncio.sleep(STAR_PAUSE_S)
    return lags(readers, acknowledged)


async def bare(server: Server) -> tuple[float, list[float]]:
    """Return KB of an idle stream of the bare app, and the lags of one message to STAR_READERS."""
    readers = Readers(server.port)
    await readers.open([b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"] * STAR_READERS)
    filler = b'"user_id":"' + b"x" * 760
    connection = (await connect(server.port))[0]
    acknowledged: dict[bytes, float] = {}
    for number in range(STAR_POSTS):
        tweet = b"%036d" % number
        body = b'id: x\nevent: new_tweet\ndata: {"tweet_id":"%s",%s}\n\n' % (tweet, filler)
        acknowledged[tweet] = time.perf_counter()
        await connection.post(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await asyncio.sleep(STAR_PAUSE_S)
    found = lags(readers, acknowledged)
    before = rss_kb(server.pid)
    await readers.open([b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"] * STREAMS)
    kb = (rss_kb(server.pid) - before) / STREAMS
    readers.close()
    return kb, found


def rss_kb(pid: int) -> float:
    """Return the resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return float(status.split("VmRSS:", 1)[1].split()[0])


async def ours(bench: Bench) -> dict[str, float]:
    """Measure the query process."""
    readers = Readers(bench.query.port)
    await readers.open([bench.reads(number) for number in range(200)])
    before = rss_kb(bench.query.pid)
    await readers.open([bench.reads(number) for number in range(200, STREAMS)])
    kb = (rss_kb(bench.query.pid) - before) / (STREAMS - 200)
    star = await one_star(bench, readers)
    spread, per_s, cores = await many_authors(bench, readers)
    await readers.open([bench.reads(number) for number in range(STREAMS, IDLE)])
    held = readers.opened - readers.ended
    idle_kb = (rss_kb(bench.query.pid) - before) / (held - 200)
    readers.close()
    return {
        "kb": kb, "star p50": percentile(star, 50), "star p99": percentile(star, 99), "p50": percentile(spread, 50),
        "p99": percentile(spread, 99), "per_s": per_s, "cores": cores, "held": held, "idle_kb": idle_kb,
    }  # fmt: skip


def rows() -> list[Row]:
    """Measure the query process and its ceiling, one after the other."""
    with serving("benchmarks.bare_events", environment=os.environ) as server:
        ceiling_kb, ceiling = uvloop.run(bare(server))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opening:
        found = uvloop.run(ours(Bench(Path(folder) / "data", opening)))
    beside = {"bare p50": percentile(ceiling, 50), "bare p99": percentile(ceiling, 99)}
    return [
        Row("memory of an idle stream whose viewer follows 10", found["kb"], "KB", {"bare": ceiling_kb}, "< 15 KB"),
        Row("idle streams held", found["held"], "", {"KB each": found["idle_kb"]}, "10,000"),
        Row("201 → 1,000 streams, p99", found["star p99"], "ms", {"p50": found["star p50"], **beside}, "< 30 ms"),
        Row(
            f"201 → the followers' streams at {POSTS_PER_S}/s, {STREAMS:,} open, p99",
            found["p99"],
            "ms",
            {"p50": found["p50"], "deliveries/s": found["per_s"], "cores of the query process": found["cores"]},
            "< 100 ms",
        ),
    ]


if __name__ == "__main__":
    for row in rows():
        print(row)
