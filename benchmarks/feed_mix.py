"""What the people of benchmarks.feed_data ask while a system is looked at: commands of all kinds, and home timelines.

Every home timeline that is shown is looked through: it must be in order, each tweet once and whole, and hold what the
same reader was shown before. A page that mixes two states of a read model, or goes back to an older one, is torn.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import random
import time
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import uvloop

from benchmarks import feed_data, http_load
from schemas.ids import to_uuid

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from benchmarks.feed_data import Posted
    from benchmarks.http_load import Asked

CONNECTIONS = 32
PAGE = 20
HEAD = "POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"


class Rates(NamedTuple):
    """Commands and reads a second."""

    commands: float
    reads: float


class Author(msgspec.Struct):
    """Who a tweet is shown to be of."""

    username: str


class Shown(msgspec.Struct):
    """What of a tweet on a page is looked at."""

    tweet_id: str
    content: str
    user: Author
    retweeted_tweet: Shown | None


class Page(msgspec.Struct):
    """A page of a home timeline."""

    tweets: list[Shown]


class Readers:
    """Ask for home timelines, and look through them."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self.torn: list[str] = []
        self.pages = 0
        self._requests = [http_load.request(f"/api/v1/timeline/home?limit={PAGE}", token) for token in tokens]
        self._last: dict[bytes, tuple[float, list[str]]] = {}
        self._decode = msgspec.json.Decoder(Page).decode

    def requests(self) -> Iterator[bytes]:
        """Yield a request after the other, of each reader in turn."""
        return itertools.cycle(self._requests)

    def look(self, request: bytes, sent: float, body: bytes) -> None:
        """Compare a page with itself, and with the one that the same reader had before this one was asked for."""
        self.pages += 1
        try:
            shown = self._decode(body).tweets
        except msgspec.DecodeError as error:
            self.torn.append(f"no page: {error}")
            return
        ids = [it.tweet_id for it in shown]
        if hollow := [it.tweet_id for it in shown if not is_whole(it)]:
            self.torn.append(f"without words or author: {hollow}")
        if ids != sorted(set(ids), reverse=True):
            self.torn.append(f"out of order: {ids}")
        known, before = self._last.get(request, (0.0, []))
        if known > sent:
            return  # asked at the same time: neither is before the other
        end = ids[-1] if len(ids) == PAGE else ""
        if lost := [it for it in before if it > end and it not in set(ids)]:
            self.torn.append(f"shown before, and no more: {lost}")
        self._last[request] = (time.perf_counter(), ids)


def is_whole(it: Shown) -> bool:
    """Tell whether a tweet, or what it repeats, has its words and the name of its author, as all have here."""
    return bool(it.user.username) and (bool(it.content) if it.retweeted_tweet is None else is_whole(it.retweeted_tweet))


class Writers:
    """Post, reply, like and follow; what they refer to is there from the beginning."""

    def __init__(self, tokens: Sequence[str], posted: Sequence[Posted]) -> None:
        self._tokens = tokens
        self._people = len(tokens)
        self._posted = posted
        self._random = random.Random(2)

    def requests(self) -> Iterator[bytes]:
        """Yield a command after the other."""
        while True:
            yield self._one()

    def _one(self) -> bytes:
        chance, number = self._random.random(), self._random.randrange(len(self._tokens))
        tweet = to_uuid(self._random.choice(self._posted).tweet_id)
        said = {"content": f"Dusk at the pier {self._random.getrandbits(64):x} #dusk"}
        if chance < 0.5:  # noqa: PLR2004 - shares, once
            return self._request(number, "/api/v1/tweets", said)
        if chance < 0.6:  # noqa: PLR2004
            return self._request(number, f"/api/v1/tweets/{tweet}/reply", said)
        if chance < 0.9:  # noqa: PLR2004
            return self._request(number, f"/api/v1/tweets/{tweet}/like", {})
        other = to_uuid(feed_data.person((number + self._random.randrange(1, self._people)) % self._people))
        return self._request(number, f"/api/v1/users/{other}/follow", {})

    def _request(self, number: int, path: str, body: dict[str, str]) -> bytes:
        head, text = HEAD.format(path=path, token=self._tokens[number]), json.dumps(body)
        return f"{head}Content-Length: {len(text)}\r\n\r\n{text}".encode()


class Window(NamedTuple):
    """What happened between two moments."""

    reads: list[Asked]
    commands: list[Asked]


class Loaded(NamedTuple):
    """All that was asked, in the order in which it was answered."""

    reads: list[Asked]
    commands: list[Asked]

    def between(self, began: float, ended: float) -> Window:
        """Return what was due in that time."""
        return Window(*([it for it in asked if began <= it.due < ended] for asked in self))


def percentile(asked: Sequence[Asked], share: float) -> float:
    """Return a percentile in milliseconds."""
    ordered = sorted(it.ms for it in asked)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))] if ordered else float("nan")


def under_load(
    ports: tuple[int, int], readers: Readers, writers: Writers, rates: Rates, during: Callable[[], Awaitable[None]]
) -> Loaded:
    """Ask at these rates, whatever the answers take, for as long as `during` takes; ports of commands and queries."""

    async def run() -> Loaded:
        over = asyncio.Event()
        gc.collect()
        gc.disable()  # what is kept of each request grows: walking it would be charged to requests
        async with asyncio.TaskGroup() as tasks:
            reads = tasks.create_task(
                http_load.endless(ports[1], readers.requests(), CONNECTIONS, rates.reads, over, readers.look)
            )
            commands = tasks.create_task(
                http_load.endless(ports[0], writers.requests(), CONNECTIONS, rates.commands, over)
            )
            await during()
            over.set()
        return Loaded(reads.result(), commands.result())

    return uvloop.run(run())
