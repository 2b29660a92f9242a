"""Processes die at any moment, and nothing that was acknowledged is lost, doubled or miscounted."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx

from infra.log.embedded import EmbeddedLogReader
from schemas.catalogue import FACT_TOPICS
from schemas.ids import from_uuid
from schemas.tweets.events import Retweeted, TweetPosted
from tests.e2e.system import Person, System
from tests.recount import events_of, recount

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.envelope import Event

PEOPLE = 12
LOAD_SECONDS = 25.0
PAUSE_BETWEEN_KILLS = (0.5, 3.0)  # seconds; a process starts in one, so some are killed while they start
VICTIMS = ("commands", "streams", "query")


class Load:
    """People who act at random, each as fast as the server answers, and what they were told."""

    def __init__(self, system: System, people: list[Person], seed: int) -> None:
        self.system = system
        self.people = people
        self.random = random.Random(seed)
        self.tweets: dict[str, tuple[Person, str]] = {}  # tweet id → author, idempotency key
        self.parents: dict[str, str] = {}  # reply → author of its parent
        self.errors: list[str] = []
        self.until = time.monotonic() + LOAD_SECONDS

    async def act(self, client: httpx.AsyncClient, person: Person) -> None:
        number = 0
        while time.monotonic() < self.until:
            number += 1
            await self.step(client, person, f"{person.username}-{number}")

    async def step(self, client: httpx.AsyncClient, person: Person, key: str) -> None:
        known = list(self.tweets)
        tweet = self.random.choice(known[-40:]) if known else None
        match self.random.random():
            case luck if luck < 0.4 or tweet is None:
                answer = await person.surely(client, "POST", "/tweets", key, content=f"tweet {key} #crash")
            case luck if luck < 0.55:
                answer = await person.surely(client, "POST", f"/tweets/{tweet}/reply", key, content=f"reply {key}")
            case luck if luck < 0.75:
                answer = await person.surely(client, "POST", f"/tweets/{tweet}/like", key)
            case luck if luck < 0.85:
                answer = await person.surely(client, "POST", f"/tweets/{tweet}/retweet", key)
            case luck if luck < 0.9:
                answer = await person.surely(client, "DELETE", f"/tweets/{tweet}/like", key)
            case _:
                body = {"content": f"quote {key}", "quoted_tweet_id": tweet}
                answer = await person.surely(client, "POST", "/tweets", key, **body)
        if answer.status_code not in {httpx.codes.OK, httpx.codes.CREATED}:
            self.errors.append(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}")
        elif answer.status_code == httpx.codes.CREATED and "content" in answer.json():
            said = answer.json()
            self.tweets[said["tweet_id"]] = (person, key)
            if said["content"].startswith("reply") and tweet:
                self.parents[said["tweet_id"]] = self.tweets[tweet][0].user_id

    async def kill(self) -> Counter[str]:
        killed: Counter[str] = Counter()
        while time.monotonic() < self.until:
            for victim in self.random.sample(VICTIMS, len(VICTIMS)):
                await asyncio.sleep(self.random.uniform(*PAUSE_BETWEEN_KILLS))
                if self.system.kill(victim) is not None:
                    killed[victim] += 1
        return killed


def shown_ids(page: list[dict[str, Any]]) -> Counter[str]:
    """What a page shows, each line as the tweet it stands for: a retweet hides its original on the same page."""
    return Counter(tweet["retweeted_tweet_id"] or tweet["tweet_id"] for tweet in page)


async def run_load(system: System) -> tuple[Load, Counter[str]]:
    async with httpx.AsyncClient(timeout=15, limits=httpx.Limits(max_connections=40)) as client:
        people = [await Person.register(system, client, f"person_{number}") for number in range(PEOPLE)]
        for follower in people:
            for followee in people[: PEOPLE // 2]:
                if followee is not follower:
                    answer = await follower.command(client, "POST", f"/users/{followee.user_id}/follow")
                    assert answer.status_code == httpx.codes.OK, answer.text
        load = Load(system, people, seed=7)
        killer = asyncio.create_task(load.kill())
        await asyncio.gather(*(load.act(client, person) for person in people))
        return load, await killer


def check_log(events: list[Event], load: Load) -> None:
    posted = Counter(event.tweet_id for event in events if isinstance(event, TweetPosted))
    acknowledged = {from_uuid(tweet) for tweet in load.tweets}
    assert acknowledged <= set(posted)
    contents = Counter(event.content for event in events if isinstance(event, TweetPosted))
    assert [content for content, times in contents.items() if times > 1] == []  # one event for each key
    retweets = Counter((event.author_id, event.original_id) for event in events if isinstance(event, Retweeted))
    assert [pair for pair, times in retweets.items() if times > 1] == []


async def check_timelines(load: Load) -> None:
    async with httpx.AsyncClient(timeout=15) as client:
        by_author: dict[str, set[str]] = {person.user_id: set() for person in load.people}
        for tweet, (author, _) in load.tweets.items():
            by_author[author.user_id].add(tweet)
        for person in load.people:
            pages = await person.read_all(client, f"/timeline/user/{person.user_id}")
            own = Counter(tweet["tweet_id"] for page in pages for tweet in page)
            assert set(own.values()) <= {1}
            assert by_author[person.user_id] <= set(own)
        followed = load.people[: PEOPLE // 2]
        for reader in load.people:
            home = [shown_ids(page) for page in await reader.read_all(client, "/timeline/home")]
            assert all(set(page.values()) <= {1} for page in home)
            shown = set().union(*home)
            for author in followed:
                tweets = {tweet for tweet in by_author[author.user_id] if not is_reply_to_stranger(load, tweet, reader)}
                assert tweets <= shown


async def check_counts(events: list[Event], load: Load) -> None:
    counted = recount(events)
    async with httpx.AsyncClient(timeout=15) as client:
        for tweet, (author, _) in load.tweets.items():
            shown = await author.read(client, f"/tweets/{tweet}")
            number = from_uuid(tweet)
            assert number is not None
            wanted = [counts[number] for counts in (counted.likes, counted.retweets, counted.replies, counted.quotes)]
            assert [shown[f"{name}_count"] for name in ("likes", "retweets", "replies", "quotes")] == wanted
        for person in load.people:
            profile = await person.read(client, f"/users/{person.user_id}")
            number = from_uuid(person.user_id)
            assert number is not None
            wanted = [counts[number] for counts in (counted.followers, counted.following, counted.tweets)]
            assert [profile[f"{name}_count"] for name in ("followers", "following", "tweets")] == wanted


def is_reply_to_stranger(load: Load, tweet: str, reader: Person) -> bool:
    """Whether the reader does not see the reply because its parent's author is no one the reader follows."""
    heard = {person.user_id for person in load.people[: PEOPLE // 2]} | {reader.user_id}
    return load.parents.get(tweet, reader.user_id) not in heard


def test_nothing_acknowledged_is_lost_or_doubled_when_processes_are_killed(tmp_path: Path) -> None:
    with System(tmp_path / "data") as system:
        load, killed = asyncio.run(run_load(system))
        assert set(killed) == set(VICTIMS)
        assert load.errors == []
        system.wait_until_ready()
        system.wait_until_caught_up()
        with closing(EmbeddedLogReader(system.data / "log")) as log:
            events = list(events_of(log, FACT_TOPICS))
        check_log(events, load)
        asyncio.run(check_timelines(load))
        asyncio.run(check_counts(events, load))
