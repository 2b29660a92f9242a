"""From the 201 of a POST to the tweet in a follower's home timeline, over HTTP, open loop, the whole system running.

The follower asks with the consistency token of the answer, so the read returns as soon as the projections have the
tweet; the clock runs from the 201 to the answer that holds it. Beside it: the same read where nothing is awaited (a
tweet that is there already), which is what the HTTP round trip and the read alone take.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from benchmarks.row import Row
from tests.e2e.system import System

FOLLOWERS = 200
POSTS = 600
POSTS_PER_SECOND = 40.0
WAIT_MS = 5_000
LIMITS = httpx.Limits(max_connections=100, keepalive_expiry=2.0)  # before the server hangs up on idle ones, after 5 s


async def register(client: httpx.AsyncClient, running: System, name: str) -> tuple[str, dict[str, str]]:
    """Return a new account's id and headers."""
    body = {"username": name, "password": "a long password"}
    answer = (await client.post(f"{running.commands}/api/v1/auth/register", json=body)).raise_for_status().json()
    return answer["user"]["user_id"], {"Authorization": f"Bearer {answer['access_token']}"}


async def read_home(
    client: httpx.AsyncClient, running: System, headers: dict[str, str], token: str, tweet: str
) -> float:
    """Return the time at which the reader's home timeline shows the tweet."""
    params = {"limit": 20, "wait_ms": WAIT_MS}
    url = f"{running.query}/api/v1/timeline/home"
    while True:
        answer = await client.get(url, params=params, headers={**headers, "X-Consistency-Token": token})
        now = time.perf_counter()
        if any(shown["tweet_id"] == tweet for shown in answer.raise_for_status().json()["tweets"]):
            return now


async def one(
    client: httpx.AsyncClient, running: System, author: dict[str, str], reader: dict[str, str], number: int
) -> tuple[float, float]:
    """Post and read: milliseconds from the 201 to the home timeline, and of the same read once more."""
    body: dict[str, Any] = {"content": f"murmur {number}"}
    answer = (await client.post(f"{running.commands}/api/v1/tweets", json=body, headers=author)).raise_for_status()
    acknowledged = time.perf_counter()
    tweet, token = answer.json()["tweet_id"], answer.headers["X-Consistency-Token"]
    shown = await read_home(client, running, reader, token, tweet)
    again = await read_home(client, running, reader, token, tweet)
    return (shown - acknowledged) * 1e3, (again - shown) * 1e3


async def measure(running: System) -> list[tuple[float, float]]:
    """Post at a fixed rate, whatever the answers take; each time another follower reads."""
    async with httpx.AsyncClient(timeout=15, limits=LIMITS) as client:
        author_id, author = await register(client, running, "author")
        readers = []
        for number in range(FOLLOWERS):
            _, reader = await register(client, running, f"reader_{number}")
            url = f"{running.commands}/api/v1/users/{author_id}/follow"
            (await client.post(url, headers=reader)).raise_for_status()
            readers.append(reader)
        began, running_posts = time.perf_counter(), []
        for number in range(POSTS):
            await asyncio.sleep(max(0.0, began + number / POSTS_PER_SECOND - time.perf_counter()))
            reader = readers[number % FOLLOWERS]
            running_posts.append(asyncio.create_task(one(client, running, author, reader, number)))
        return await asyncio.gather(*running_posts)


def percentile(values: list[float], share: int) -> float:
    """Return the share-th percentile."""
    return statistics.quantiles(values, n=100)[share - 1]


def rows() -> list[Row]:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder, System(Path(folder)) as running:
        results = asyncio.run(measure(running))
    waits, reads = [wait for wait, _ in results], [read for _, read in results]
    name = f"201 → home of one of {FOLLOWERS} followers, {POSTS_PER_SECOND:.0f}/s"
    return [
        Row(f"{name}, p50", percentile(waits, 50), "ms", {"the read alone": percentile(reads, 50)}, ""),
        Row(f"{name}, p99", percentile(waits, 99), "ms", {"the read alone": percentile(reads, 99)}, "< 250 ms"),
    ]


if __name__ == "__main__":
    for row in rows():
        print(row)
