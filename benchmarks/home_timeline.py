"""Home timelines of 200 hydrated tweets over HTTP: feeds per core-second, and latency at half of the highest rate.

2,000 people follow 200 each; every timeline is full (800 entries). The server is the real process with its default
settings but for rate limits; its CPU time is the kernel's figure. Beside it, in the same run, on the same files: the
bare SQLite reads of the same rows joined to the same bytes, without a process around them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import uvloop

from benchmarks import bare_page, feed_data, http_load
from benchmarks.cpu import cpu_seconds
from benchmarks.row import Row
from infra.settings import PREFIX, Settings
from infra.sqlite.connections import open_reader
from infra.sqlite.connections import rows as select
from infra.sqlite.projection_store import generation_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    import apsw

READERS = 500
CONNECTIONS = 8
SECONDS = 8.0
LIMIT = 200
STOP_SECONDS = 20
PATH = f"/api/v1/timeline/home?limit={LIMIT}"


@contextmanager
def server(folder: Path, **settings: str) -> Iterator[tuple[int, int]]:
    """Run the query API over a data folder; yield its process id and port."""
    settings |= {"data_dir": str(folder), "query_port": "0", "rate_limits": "off"}
    environment = {**os.environ, **{f"{PREFIX}{name.upper()}": value for name, value in settings.items()}}
    with (folder / "query.log").open("wb") as log:
        command = [sys.executable, "-m", "query_api"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environment)
        assert process.stdout  # noqa: S101 - it is piped
        try:
            yield process.pid, json.loads(process.stdout.readline())["port"]
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)
            process.stdout.close()


async def measure(
    pid: int, port: int, requests: list[bytes], seconds: float = SECONDS
) -> tuple[float, http_load.Load, http_load.Load]:
    """Return feeds per core-second, the closed loop that gave them, and an open loop at half of its rate."""
    await http_load.closed_loop(port, requests, CONNECTIONS, seconds / 4)  # warms caches
    before = cpu_seconds(pid)
    full = await http_load.closed_loop(port, requests, CONNECTIONS, seconds)
    per_core = len(full.latencies_ms) / (cpu_seconds(pid) - before)
    rate = len(full.latencies_ms) / full.seconds
    return per_core, full, await http_load.open_loop(port, requests, 4 * CONNECTIONS, rate / 2, seconds)


_ENTRIES = """
SELECT tweet_id, author_id, original_id FROM entries WHERE reader_id = ? ORDER BY tweet_id DESC LIMIT ?
"""
_BODIES = "SELECT tweet_id, body FROM json_each(?) CROSS JOIN tweets ON tweet_id = value"
_COUNTS = "SELECT counts.* FROM json_each(?) CROSS JOIN counts ON tweet_id = value"
_AUTHORS = """
SELECT user_id, username, display_name, verified, profile_image_url
FROM json_each(?) CROSS JOIN accounts ON user_id = value
"""
_JOINED = (
    b'{%s,"user":{"username":"%s","display_name":"%s","profile_image_url":"%s"},"likes_count":%d,'
    b'"retweets_count":%d,"replies_count":%d,"quotes_count":%d,"liked":%d}'
)
_LIKED = "SELECT tweet_id FROM likes WHERE user_id = ? AND tweet_id BETWEEN ? AND ?"


def ceiling(settings: Settings) -> float:
    """Return feeds per CPU-second of the bare reads and a join."""
    names = ("home_timeline", "tweets", "engagement", "accounts")
    files = [open_reader(generation_path(settings.projections_dir, name)) for name in names]
    began, feeds = time.process_time(), 0
    while (spent := time.process_time() - began) < SECONDS / 4:
        bare_feed(feed_data.person(feeds % READERS), *files)
        feeds += 1
    for connection in files:
        connection.close()
    return feeds / spent


def bare_feed(
    reader: int,
    home: apsw.Connection,
    tweets: apsw.Connection,
    engagement: apsw.Connection,
    accounts: apsw.Connection,
) -> bytes:
    """Read what a feed needs, and join it."""
    entries = select(home, _ENTRIES, (reader, LIMIT))
    subjects = [entry[2] or entry[0] for entry in entries]
    wanted = (orjson.dumps(subjects).decode(),)
    bodies = {row[0]: row[1] for row in select(tweets, _BODIES, wanted)}
    counts = {row[0]: row for row in select(engagement, _COUNTS, wanted)}
    authors = {
        row[0]: row for row in select(accounts, _AUTHORS, (orjson.dumps([entry[1] for entry in entries]).decode(),))
    }
    liked = {row[0] for row in select(engagement, _LIKED, (reader, min(subjects), max(subjects)))}
    none = (0, 0, 0, 0, 0)
    return b",".join(
        _JOINED
        % (
            bodies[subject],
            authors[entry[1]][1].encode(),
            authors[entry[1]][2].encode(),
            authors[entry[1]][4].encode(),
            *counts.get(subject, none)[1:],
            subject in liked,
        )
        for entry, subject in zip(entries, subjects, strict=True)
    )


def rows() -> list[Row]:
    """Measure."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = Settings(data_dir=folder)
        feed_data.fill(settings)
        requests = [http_load.request(PATH, token) for token in feed_data.tokens(settings, READERS)]
        bare = ceiling(settings)
        with server(folder) as (pid, port):
            per_core, full, half = uvloop.run(measure(pid, port, requests))
        with server(folder, tweet_cache_entries="0") as (pid, port):
            uncached, _, _ = uvloop.run(measure(pid, port, requests))
    size = full.body_bytes / len(full.latencies_ms)
    beside = {
        "bytes through FastAPI": bare_page.per_core(int(size), CONNECTIONS),
        "bare reads + join": bare,
        "ratio": per_core / bare,
        "without tweet cache": uncached,
        "KiB a feed": size / 1024,
    }
    latency = {"p50 ms": half.percentile(50), "p99.9 ms": half.percentile(99.9), "feeds/s": _rate(half)}
    return [
        Row("home timeline of 200 hydrated tweets", per_core, "feeds/core-s", beside, "at least 600; wanted 1,500"),
        Row("home timeline, p99 at half load, open loop", half.percentile(99), "ms", latency, "below 10"),
    ]


def _rate(load: http_load.Load) -> float:
    return len(load.latencies_ms) / load.seconds


if __name__ == "__main__":
    for row in rows():
        print(row)
