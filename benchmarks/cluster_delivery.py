"""From the 201 of a POST to the tweet in a follower's home timeline on the cluster profile, by the audience's size.

Over HTTP, open loop, the whole system running: `python -m benchmarks.cluster_delivery`. A random follower asks with the
consistency token of the answer (see benchmarks/delivery_latency.py); beside it, the same read where nothing is awaited.
The last author is a celebrity, whose tweets are pulled. Followers come from the log, as an import's. Needs the extra
`cluster`.
"""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import closing
from typing import TYPE_CHECKING

import httpx

from benchmarks.cluster_servers import ALL, started
from benchmarks.cpu import wait_for_rest
from benchmarks.delivery_latency import LIMITS, one, percentile
from benchmarks.row import Row
from infra.auth.keys import KeyRing
from infra.auth.tokens import AccessTokens
from infra.clock import SystemClock
from infra.journal.embedded import record_of
from infra.log.kafka import KafkaEventLog
from schemas.accounts.events import AccountRegistered, SignedIn
from schemas.envelope import Envelope
from schemas.follows.events import Followed
from schemas.ids import MAX_WORKER, SnowflakeGenerator
from tests.e2e.on_servers import SystemOnServers

if TYPE_CHECKING:
    from schemas.envelope import Event

AUDIENCES = (10, 100, 1_000, 9_900)
CELEBRITY = 10_000  # followers: the default threshold
POSTS, POSTS_PER_SECOND = 150, 20.0
WARM_UP = 1_000  # posts, 50 s, not counted: until then two JVMs compile what they run, on the same two cores
CAUGHT_UP_SECONDS = 400.0
APPENDED_AT_ONCE = 5_000


class People:
    """Authors, one for each audience, and readers, of whom the first so many follow each author."""

    def __init__(self) -> None:
        ids = SnowflakeGenerator(MAX_WORKER, SystemClock().now_ms)
        self._at_ms = SystemClock().now_ms()
        self.authors = {size: ids.next_id() for size in (*AUDIENCES, CELEBRITY)}
        self.readers = [ids.next_id() for _ in range(CELEBRITY)]

    def events(self) -> list[Event]:
        """Return what has happened before: everybody has just signed in."""
        events: list[Event] = []
        for user_id in (*self.authors.values(), *self.readers):
            envelope = Envelope(user_id, self._at_ms, user_id)
            events += [AccountRegistered(envelope, user_id, f"u{user_id}", "Somebody"), SignedIn(envelope, user_id)]
        for size, author in self.authors.items():
            events += [Followed(Envelope(it, self._at_ms, it), it, author) for it in self.readers[:size]]
        return events


async def append(bootstrap: str, events: list[Event]) -> None:
    """Put the events on the log."""
    with closing(KafkaEventLog(bootstrap)) as log:
        for first in range(0, len(events), APPENDED_AT_ONCE):
            await log.append([record_of(event) for event in events[first : first + APPENDED_AT_ONCE]])


async def measure(system: SystemOnServers, people: People, size: int, count: int = POSTS) -> list[tuple[float, float]]:
    """Post at a fixed rate, whatever the answers take; each time another follower reads."""
    tokens, dice = AccessTokens(KeyRing(system.data / "keys"), SystemClock(), 3_600), random.Random(size)

    def headers(user_id: int) -> dict[str, str]:
        return {"Authorization": f"Bearer {tokens.issue(user_id, 1)}"}

    author, posts = headers(people.authors[size]), []
    async with httpx.AsyncClient(timeout=30, limits=LIMITS) as client:
        began = time.perf_counter()
        for number in range(count):
            await asyncio.sleep(max(0.0, began + number / POSTS_PER_SECOND - time.perf_counter()))
            reader = headers(people.readers[dice.randrange(size)])
            posts.append(asyncio.create_task(one(client, system, author, reader, number)))
        return await asyncio.gather(*posts)


def row(size: int, results: list[tuple[float, float]]) -> Row:
    """Return what an audience of that size waited."""
    waits, reads = [wait for wait, _ in results], [read for _, read in results]
    who = f"a celebrity's {size:,}, pulled" if size == CELEBRITY else f"{size:,}"
    beside = {
        "p50": percentile(waits, 50),
        "the read alone p50": percentile(reads, 50),
        "p99": percentile(reads, 99),
    }
    return Row(
        f"201 → home of one of {who} followers, on servers, p99", percentile(waits, 99), "ms", beside, "< 250 ms"
    )


def rows() -> list[Row]:
    """Measure."""
    people = People()
    with started(*ALL) as servers, SystemOnServers(servers.fleet, servers.settings.data_dir) as system:
        asyncio.run(append(servers.settings.kafka_bootstrap, people.events()))
        system.wait_for(lambda: system.lag() == 0, CAUGHT_UP_SECONDS)
        asyncio.run(measure(system, people, AUDIENCES[0], WARM_UP))
        wait_for_rest()
        return [row(size, asyncio.run(measure(system, people, size))) for size in people.authors]


if __name__ == "__main__":
    for measured in rows():
        print(measured)
