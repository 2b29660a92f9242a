"""Somebody who posts numbered lines and takes some of them back, and somebody who reads them: no page may have a hole.

A page of one state of a read model, however old, has the newest lines that it knows and all before them but those that
were taken back. One that mixes two states, of two generations too, lacks a line between two others, or has one twice.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx

from tests.e2e.checks import COUNTS_KEPT_SECONDS, all_ids
from tests.e2e.people import Person

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.e2e.crowd import Crowd

PAGE = 50
TAKEN_BACK = 3  # each so manyth line, when as many have followed it
PAUSE_SECONDS = 0.05


class Column:
    """What is posted goes on until `end`; answers are noted with those that the crowd gets."""

    def __init__(self, crowd: Crowd, author: Person, reader: Person) -> None:
        self._crowd = crowd
        self._author = author
        self._reader = reader
        self._over = asyncio.Event()
        self.lines: list[str] = []  # ids, in their order
        self.taken_back: set[str] = set()  # from when that is asked for
        self.torn: list[str] = []
        self.pages = 0

    def end(self) -> None:
        """Let both end what they are at."""
        self._over.set()

    async def write(self, client: httpx.AsyncClient) -> None:
        """Post a line after the other; take some of them back."""
        while not self._over.is_set():
            number = len(self.lines)
            said = await self._asked(client, "POST", "/tweets", f"line-{number}", content=f"line {number}")
            self.lines.append(said.json()["tweet_id"])
            if number % TAKEN_BACK == 0 and number >= TAKEN_BACK:
                line = self.lines[number - TAKEN_BACK]
                self.taken_back.add(line)
                await self._asked(client, "DELETE", f"/tweets/{line}", f"back-{number}")
            await asyncio.sleep(PAUSE_SECONDS)

    async def _asked(self, client: httpx.AsyncClient, method: str, path: str, key: str, **body: str) -> httpx.Response:
        answer = await self._author.surely(client, self._crowd.commands, method, path, key, **body)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    async def read(self, client: httpx.AsyncClient) -> None:
        """Ask for the newest lines again and again; note what no page may be."""
        url = f"{self._crowd.system.query}/api/v1/timeline/home"
        while not self._over.is_set():
            answer = await client.get(url, params={"limit": PAGE}, headers=self._reader.headers)
            self._crowd.queries.note(answer)
            if answer.status_code == httpx.codes.OK:
                self._look([it["tweet_id"] for it in answer.json()["tweets"]])
            else:
                self.torn.append(f"{answer.status_code} {answer.text}")
            await asyncio.sleep(PAUSE_SECONDS)

    def _look(self, shown: list[str]) -> None:
        self.pages += 1
        if not shown:
            return
        known = sorted({*self.lines, *shown})  # the answer to who posted a line may come later than to who reads it
        between = known[known.index(shown[-1]) : known.index(shown[0]) + 1]
        there = set(shown)
        if shown != [it for it in reversed(between) if it in there or it not in self.taken_back]:
            self.torn.append(f"{shown} of {between}")

    async def check(self, client: httpx.AsyncClient) -> None:
        """All that was not taken back is shown to the end, once, and counted; every projection must have caught up."""
        assert (self.torn[:3], self.pages > 0, len(self.taken_back) > 0) == ([], True, True)
        standing = {line: 1 for line in self.lines if line not in self.taken_back}
        assert all_ids(await self._reader.read_all(client, "/timeline/home")) == standing
        assert all_ids(await self._reader.read_all(client, f"/timeline/user/{self._author.user_id}")) == standing
        deadline = time.monotonic() + COUNTS_KEPT_SECONDS
        while (told := await self._author.read(client, f"/users/{self._author.user_id}")) and (
            told["tweets_count"] != len(standing)
        ):
            assert time.monotonic() < deadline, (told["tweets_count"], len(standing))


@asynccontextmanager
async def column(crowd: Crowd) -> AsyncIterator[Column]:
    """Write and read within the block; both have ended when it is left."""
    async with httpx.AsyncClient(timeout=15) as client, asyncio.TaskGroup() as tasks:
        author = await Person.register(crowd.system, client, "columnist")
        reader = await Person.register(crowd.system, client, "subscriber")
        answer = await reader.command(client, "POST", f"/users/{author.user_id}/follow")
        assert answer.status_code == httpx.codes.OK, answer.text
        made = Column(crowd, author, reader)
        tasks.create_task(made.write(client))
        tasks.create_task(made.read(client))
        try:
            yield made
        finally:
            made.end()
