"""People who act at random while processes and servers die around them, and what they were told was done."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx

from tests.e2e.people import Answers, Person

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.e2e.system import Apis

PEOPLE = 12
READERS = 3
POSTERS = 2  # who only say things of their own: for that nothing needs to be known of others'
FOLLOWED = PEOPLE // 2  # the first half: everybody follows them from the beginning
KNOWN = 40  # tweets that people still react to


class Crowd:
    """Each acts as fast as the server answers and `pause` allows; some only look."""

    def __init__(self, system: Apis, people: list[Person], seed: int, pause: float) -> None:
        self.system = system
        self.people = people
        self.random = random.Random(seed)
        self.tweets: dict[str, tuple[Person, str]] = {}  # tweet id → author, idempotency key
        self.parents: dict[str, str] = {}  # reply → author of its parent
        self.commands, self.queries = Answers(), Answers()
        self.errors: list[str] = []
        self._pause = pause
        self._over = asyncio.Event()

    def disperse(self) -> None:
        """Let everybody end what they are at."""
        self._over.set()

    async def act(self, client: httpx.AsyncClient, person: Person) -> None:
        number = 0
        while not self._over.is_set():
            number += 1
            await self.step(client, person, f"{person.username}-{number}")
            await asyncio.sleep(self._pause)

    async def look(self, client: httpx.AsyncClient, person: Person) -> None:
        """Look around, a few times a second."""
        while not self._over.is_set():
            known = list(self.tweets)
            paths = ["/timeline/home", f"/timeline/user/{self.random.choice(self.people).user_id}"]
            paths += [f"/tweets/{self.random.choice(known[:-1])}"] if len(known) > 1 else []
            await person.look(client, self.queries, self.random.choice(paths))
            await asyncio.sleep(0.05)

    async def step(self, client: httpx.AsyncClient, person: Person, key: str) -> None:
        known = list(self.tweets)
        tweet = self.random.choice(known[-KNOWN:]) if known else None
        match self.random.random():
            case luck if luck < 0.4 or tweet is None or person in self.people[-POSTERS:]:
                asked = "POST", "/tweets", {"content": f"tweet {key} #crash"}
            case luck if luck < 0.55:
                asked = "POST", f"/tweets/{tweet}/reply", {"content": f"reply {key}"}
            case luck if luck < 0.7:
                asked = "POST", f"/tweets/{tweet}/like", {}
            case luck if luck < 0.8:
                asked = "POST", f"/tweets/{tweet}/retweet", {}
            case luck if luck < 0.85:
                asked = "DELETE", f"/tweets/{tweet}/like", {}
            case luck if luck < 0.9:
                asked = self.follow_or_not(person)
            case _:
                asked = "POST", "/tweets", {"content": f"quote {key}", "quoted_tweet_id": tweet}
        method, path, body = asked
        answer = await person.surely(client, self.commands, method, path, key, **body)
        if answer.status_code not in {httpx.codes.OK, httpx.codes.CREATED}:
            self.errors.append(f"{method} {path}: {answer.status_code} {answer.text}")
        elif answer.status_code == httpx.codes.CREATED and "content" in answer.json():
            said = answer.json()
            self.tweets[said["tweet_id"]] = (person, key)
            if said["content"].startswith("reply") and tweet:
                self.parents[said["tweet_id"]] = self.tweets[tweet][0].user_id

    def follow_or_not(self, person: Person) -> tuple[str, str, dict[str, str]]:
        """Follow one of the second half, or no longer."""
        others = [other for other in self.people[FOLLOWED:] if other is not person]
        method = "POST" if self.random.random() < 0.7 else "DELETE"
        return method, f"/users/{self.random.choice(others).user_id}/follow", {}

    def assert_nobody_saw_more_than_they_may(self) -> None:
        """No 5xx but problems that ask to come again, and no command refused for what is not its sender's fault."""
        assert self.errors == []
        assert self.commands.wrong == []
        assert self.queries.wrong == []


async def follow(client: httpx.AsyncClient, follower: Person, people: list[Person]) -> None:
    """Follow all of them but oneself; who has just registered may have to be asked for again."""
    heard = Answers()
    for followee in people:
        if followee is not follower:
            path, key = f"/users/{followee.user_id}/follow", f"follow-{followee.username}"
            answer = await follower.surely(client, heard, "POST", path, key)
            assert answer.status_code == httpx.codes.OK, answer.text
    assert heard.wrong == []


@asynccontextmanager
async def gathered(system: Apis, name: str, *, seed: int = 7, pause: float = 0.0) -> AsyncIterator[Crowd]:
    """People called by the name, who act within the block and have ended what they were at when it is left."""
    limits = httpx.Limits(max_connections=40)
    async with httpx.AsyncClient(timeout=15, limits=limits) as client, asyncio.TaskGroup() as tasks:
        names = [f"{name}_{number}" for number in range(PEOPLE)]
        people = await asyncio.gather(*(Person.register(system, client, each) for each in names))
        await asyncio.gather(*(follow(client, person, people[:FOLLOWED]) for person in people))
        crowd = Crowd(system, people, seed, pause)
        for person in people:
            tasks.create_task(crowd.act(client, person))
        for person in people[-READERS:]:
            tasks.create_task(crowd.look(client, person))
        try:
            yield crowd
        finally:
            crowd.disperse()
