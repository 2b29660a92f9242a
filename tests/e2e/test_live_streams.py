"""Open streams of the whole system, as its users have them: cut at any moment, and ended from elsewhere."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import websockets

from tests.e2e.people import GONE, Person
from tests.stream_clients import STREAM, Events, Heard, Socket
from tests.waiting import soon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.e2e.conftest import Starting
    from tests.e2e.system import System

CUTS = 100
AUTHORS = 4
PAUSE_S = 0.02  # between posts of an author
KILLED_AT = 40  # cuts after which the query process is killed
LEAST_POSTS = 200
SOON_S = 1.0  # the promise; a busy machine may take a little longer to close a socket
BUSY_S = 2.0


@pytest.fixture(scope="module")
def system(starting: Starting, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with starting(tmp_path_factory.mktemp("live") / "data") as running:
        yield running


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=60) as made:
        yield made


def name(who: str) -> str:
    return f"{who}_{random.getrandbits(32):x}"


class Writer:
    """An author who posts, and takes a share of it back, until told to stop."""

    def __init__(self, author: Person, client: httpx.AsyncClient, seed: int, deletes: float = 0.05) -> None:
        self._author = author
        self._client = client
        self._dice = random.Random(seed)
        self._deletes = deletes
        self.posted: list[str] = []
        self.deleted: set[str] = set()

    async def write(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            answer = await self._author.command(self._client, "POST", "/tweets", content=f"number {len(self.posted)}")
            assert answer.status_code == 201, answer.text
            self.posted.append(answer.json()["tweet_id"])
            if self._dice.random() < self._deletes:
                gone = self._dice.choice(self.posted)
                answer = await self._author.command(self._client, "DELETE", f"/tweets/{gone}")
                if answer.status_code == httpx.codes.OK:  # else its read model is behind, or it is gone already
                    self.deleted.add(gone)
            await asyncio.sleep(PAUSE_S)


class Reader:
    """A follower whose stream breaks off all the time, and who goes on from the last message each time."""

    def __init__(self, system: System, follower: Person, client: httpx.AsyncClient) -> None:
        self._system = system
        self._follower = follower
        self._client = client
        self._dice = random.Random(11)
        self.heard: list[Heard] = []
        self.last_id = ""
        self.cuts = 0
        self.refused = 0

    async def read(self, messages: int, seconds: float) -> None:
        """Read so many messages, or for so long, and cut the connection."""
        headers = {**self._follower.headers, **({"Last-Event-ID": self.last_id} if self.last_id else {})}
        try:
            async with self._client.stream("GET", f"{self._system.query}{STREAM}", headers=headers) as response:
                if response.status_code != 200:
                    self.refused += 1
                    await asyncio.sleep(0.05)
                    return
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await self._hear(Events(response), messages)
        except GONE:
            self.refused += 1
            await asyncio.sleep(0.05)
        else:
            self.cuts += 1

    async def _hear(self, events: Events, messages: int) -> None:
        for _ in range(messages):
            heard = await events.next()
            assert heard.event != "reset"
            self.last_id = heard.event_id or self.last_id
            if heard.event != "ready":
                self.heard.append(heard)

    async def be_cut(self, times: int) -> None:
        """Read a little, again and again; once the process is killed that told it."""
        while self.cuts < times:
            if self.cuts == KILLED_AT and not self.refused:
                self._system.kill("query")
                await asyncio.sleep(0.05)
            await self.read(self._dice.randrange(0, 12), self._dice.uniform(0.01, 0.15))

    def ids(self, kind: str) -> list[str]:
        return [heard.data["tweet_id"] for heard in self.heard if heard.event == kind]


async def test_a_hundred_cuts_lose_nothing_and_repeat_nothing(system: System, client: httpx.AsyncClient) -> None:
    follower = await Person.register(system, client, name("reader"))
    authors = [await Person.register(system, client, name("author")) for _ in range(AUTHORS)]
    for author in authors:
        await follower.command(client, "POST", f"/users/{author.user_id}/follow")
    reader, stop = Reader(system, follower, client), asyncio.Event()
    while not reader.last_id:
        await reader.read(1, 5)
    writers = [Writer(author, client, seed) for seed, author in enumerate(authors)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(writer.write(stop)) for writer in writers]
        await reader.be_cut(CUTS)
        await soon(lambda: sum(len(writer.posted) for writer in writers) >= LEAST_POSTS)
        stop.set()
        await asyncio.wait(tasks)
    posted = {tweet for writer in writers for tweet in writer.posted}
    deleted = {tweet for writer in writers for tweet in writer.deleted}
    end = time.monotonic() + 120
    while not posted - deleted <= set(reader.ids("new_tweet")) or not deleted <= set(reader.ids("tweet_deleted")):
        await reader.read(1_000, 1.0)
        assert time.monotonic() < end, "something was not told"
    told = reader.ids("new_tweet")
    assert len(told) == len(set(told))
    assert posted - deleted <= set(told) <= posted
    assert sorted(reader.ids("tweet_deleted")) == sorted(deleted)
    assert reader.refused


async def opened(system: System, person: Person, client: httpx.AsyncClient) -> tuple[Any, Events]:
    request = client.build_request("GET", f"{system.query}{STREAM}", headers=person.headers)
    response = await client.send(request, stream=True)
    events = Events(response)
    assert (await events.next()).event == "ready"
    return response, events


async def test_a_log_out_ends_streams_of_that_session_alone(system: System, client: httpx.AsyncClient) -> None:
    someone = await Person.register(system, client, name("leaver"))
    body = {"username": someone.username, "password": "a long password"}
    again = (await client.post(f"{system.commands}/api/v1/auth/login", json=body)).json()
    other = Person(system, again)
    response, events = await opened(system, someone, client)
    kept, staying = await opened(system, other, client)
    uri = system.query.replace("http", "ws") + STREAM
    async with websockets.connect(uri, additional_headers=someone.headers) as connection:
        socket = Socket(connection)
        await socket.next("ready")
        assert (await someone.command(client, "POST", "/auth/logout")).status_code == 200
        began = time.monotonic()
        assert [it.data for it in await events.ended()] == [{"reason": "session_ended"}]
        assert await socket.closed() == (4401, "session_ended")
        assert time.monotonic() - began < SOON_S + BUSY_S
    posted = await other.command(client, "POST", "/tweets", content="still here")
    assert (await staying.next()).data["tweet_id"] == posted.json()["tweet_id"]
    await response.aclose()
    await kept.aclose()


async def test_a_browsers_ticket_is_good_once_and_nowhere_in_the_logs(
    system: System, client: httpx.AsyncClient
) -> None:
    someone = await Person.register(system, client, name("browser"))
    tickets = []
    for _ in range(2):
        answer = await someone.command(client, "POST", "/auth/stream-tickets")
        assert answer.status_code == 201
        tickets.append(answer.json()["ticket"])
    async with client.stream("GET", f"{system.query}{STREAM}", params={"ticket": tickets[0]}) as response:
        assert (await Events(response).next()).event == "ready"
        again = await client.get(f"{system.query}{STREAM}", params={"ticket": tickets[0]})
        assert (again.status_code, again.json()["code"]) == (401, "ticket_invalid")
    uri = f"{system.query.replace('http', 'ws')}{STREAM}?ticket={tickets[1]}"
    async with websockets.connect(uri) as connection:
        await Socket(connection).next("ready")
    with pytest.raises(websockets.InvalidStatus):
        await websockets.connect(uri)
    written = "".join(path.read_text() for path in (system.data / "logs").glob("*.log"))
    assert "ticket=" not in written
    assert all(ticket.rpartition(".")[2] not in written for ticket in tickets)
    assert someone.headers["Authorization"] not in written


async def test_a_follow_takes_effect_in_an_open_stream(system: System, client: httpx.AsyncClient) -> None:
    author, follower = [await Person.register(system, client, name("person")) for _ in range(2)]
    response, events = await opened(system, follower, client)
    await follower.command(client, "POST", f"/users/{author.user_id}/follow")
    writer, stop = Writer(author, client, 1, deletes=0), asyncio.Event()
    writing = asyncio.create_task(writer.write(stop))  # the hub hears of the follow from another partition
    first = (await events.next("new_tweet")).data["tweet_id"]
    stop.set()
    await writing
    told = [(await events.next("new_tweet")).data["tweet_id"] for _ in writer.posted[writer.posted.index(first) + 1 :]]
    assert [first, *told] == writer.posted[writer.posted.index(first) :]
    await response.aclose()
