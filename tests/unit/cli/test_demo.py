"""The demo's people: the same for the same seed, within the rules, patient with the API."""

from __future__ import annotations

import asyncio
import json
import random
from typing import TYPE_CHECKING

import httpx
import pytest

from commands.tweets import text
from infra.demo import words
from infra.demo.account import Passwords
from infra.demo.client import Api, Member
from infra.demo.people import MOST_PEOPLE, Person, people
from infra.demo.town import Town
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from pathlib import Path

ADA = Person("ada", "Ada", "Fond of tea.", "Port Merle")


class FakeCommands:
    """Answers like the command API, after the answers it was given first; remembers what it was asked."""

    def __init__(self, *first: httpx.Response) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.busy = asyncio.Event()
        self._first = list(first)
        self._known: set[str] = set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1")
        key = request.headers.get("Idempotency-Key", "")
        self.asked.append((request.method, path, key))
        if len(self.asked) == 20:
            self.busy.set()
        if self._first and not path.startswith("/auth"):
            return self._first.pop(0)
        body = json.loads(request.content or b"{}")
        if path == "/auth/register" and body["username"] in self._known:
            return httpx.Response(409, json={"code": "username_taken"})
        if path.startswith("/auth"):
            self._known.add(body["username"])
            return httpx.Response(201, json={"access_token": "t", "user": {"user_id": f"id-{body['username']}"}})
        return httpx.Response(201, json={"tweet_id": f"tweet-{len(self.asked)}"})

    def api(self) -> Api:
        return Api("http://demo.test", random.Random(1), transport=httpx.MockTransport(self))


def test_the_same_seed_makes_the_same_people_who_all_differ() -> None:
    first, second = (people(random.Random(7), MOST_PEOPLE) for _ in range(2))
    assert first == second
    assert len({person.username for person in first}) == MOST_PEOPLE


def test_what_people_say_may_be_posted() -> None:
    dice = random.Random(7)
    for _ in range(500):
        for said in (words.tweet(dice, "sunny_otter"), words.tweet(dice, None), words.answer(dice), words.quote(dice)):
            assert text.refusal(said) is None
    assert text.extract(words.tweet(random.Random(3), "sunny_otter")).mentions == ("sunny_otter",)


async def test_a_command_that_is_turned_down_for_now_is_sent_again_under_the_same_key(tmp_path: Path) -> None:
    server = FakeCommands(httpx.Response(429, headers={"Retry-After": "0"}), httpx.Response(503))
    member = Member(server.api(), Passwords(tmp_path), ADA, random.Random(1))
    assert await member.do("POST", "/tweets", {"content": "hello"}) == {"tweet_id": "tweet-4"}
    assert [path for _, path, _ in server.asked] == ["/auth/register", "/tweets", "/tweets", "/tweets"]
    assert len({key for _, path, key in server.asked if path == "/tweets"}) == 1


async def test_a_token_that_has_expired_is_renewed(tmp_path: Path) -> None:
    server = FakeCommands(httpx.Response(401, json={"code": "token_expired"}))
    member = Member(server.api(), Passwords(tmp_path), ADA, random.Random(1))
    assert await member.do("POST", "/tweets", {"content": "hello"})
    assert [path for _, path, _ in server.asked] == [
        "/auth/register", "/tweets", "/auth/register", "/auth/login", "/tweets",
    ]  # fmt: skip


async def test_a_refusal_is_taken_as_it_is(tmp_path: Path) -> None:
    server = FakeCommands(httpx.Response(404, json={"code": "tweet_not_found"}))
    member = Member(server.api(), Passwords(tmp_path), ADA, random.Random(1))
    assert await member.do("POST", "/tweets/x/like") is None


async def test_settling_registers_all_fills_a_page_and_lets_the_visitor_follow_everybody(tmp_path: Path) -> None:
    server, dice = FakeCommands(), random.Random(1)
    api = server.api()
    visitor, *members = [
        Member(api, Passwords(tmp_path), person, dice) for person in (ADA, *people(random.Random(7), 10))
    ]
    town = Town(visitor, members, dice)
    await town.settle()
    asked = [path for _, path, _ in server.asked]
    assert asked.count("/auth/register") == 11
    assert asked.count("/tweets") >= 150
    assert sum(path.endswith("/follow") for path in asked) >= 10 + 10 * 8
    assert sum(path.endswith("/like") for path in asked) > 100
    done = town.done
    await town.live(rate=1_000, seconds=0.0495)  # between two steps: clocks round
    assert town.done == done + 50


def test_passwords_are_kept_for_the_next_start_and_from_others(tmp_path: Path) -> None:
    passwords = Passwords(tmp_path)
    secret = passwords.of("ada")
    passwords.settled = True
    passwords.save()
    again = Passwords(tmp_path)
    assert (again.of("ada"), again.settled) == (secret, True)
    assert (tmp_path / "demo.json").stat().st_mode & 0o777 == 0o600


def test_a_damaged_file_of_passwords_is_named(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text("{")
    with pytest.raises(TroubleError, match="is damaged"):
        Passwords(tmp_path)


async def test_settling_may_be_cut_short(tmp_path: Path) -> None:
    server, dice = FakeCommands(), random.Random(1)
    members = [Member(server.api(), Passwords(tmp_path), person, dice) for person in people(random.Random(7), 5)]
    settling = asyncio.create_task(Town(members[0], members[1:], dice).settle())
    await server.busy.wait()
    settling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await settling
