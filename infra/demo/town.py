"""What goes on in the demo: a quick start so that the first page is full, then life at a steady rate."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from infra.demo import words

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from random import Random
    from typing import Any

    from infra.demo.client import Member

AT_ONCE = 8  # requests in flight: enough for the first page within seconds, and no more than a busy browser
FOLLOWS_EACH = 8
TWEETS_AT_START = 150
DEEDS_AT_START = 350  # likes, replies, retweets, quotes
REMEMBERED_TWEETS = 200  # people take part in what is new


@dataclass(frozen=True, slots=True)
class Deed:
    """Something people do, and how often of a hundred times."""

    weight: int
    do: Callable[[Town, Member], Awaitable[None]]


class Spoken(NamedTuple):
    """A tweet that others may take part in."""

    tweet_id: str
    author: str


class Town:
    """The people and what they have said lately. `visitor` is the user demo: follows everybody."""

    def __init__(self, visitor: Member, members: Sequence[Member], dice: Random) -> None:
        self._visitor = visitor
        self._members = members
        self._dice = dice
        self._spoken: deque[Spoken] = deque(maxlen=REMEMBERED_TWEETS)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self.done = 0

    async def settle(self) -> None:
        """Register everybody, draw the graph, and say and like enough for a first page."""
        await self._all(member.sign_in for member in (self._visitor, *self._members))
        follows = [(self._visitor, member) for member in self._members]
        for member in self._members:
            others = [other for other in self._members if other is not member]
            follows += [(member, other) for other in self._dice.sample(others, min(FOLLOWS_EACH, len(others)))]
        await self._all(partial(one.do, "POST", f"/users/{other.user_id}/follow") for one, other in follows)
        await self._all(partial(self.post, self._dice.choice(self._members)) for _ in range(TWEETS_AT_START))
        deeds = [self._deed(DEEDS[1:]) for _ in range(DEEDS_AT_START)]
        await self._all(partial(deed.do, self, self._dice.choice(self._members)) for deed in deeds)

    async def live(self, rate: float, seconds: float | None) -> None:
        """Let something happen `rate` times a second, for so many seconds or until cancelled."""
        clock = asyncio.get_running_loop().time
        began = due = clock()
        async with asyncio.TaskGroup() as running:
            while seconds is None or due - began < seconds:
                await asyncio.sleep(max(0.0, due - clock()))
                await self._slots.acquire()
                deed = self._deed(DEEDS) if self._spoken else DEEDS[0]
                running.create_task(self._one(partial(deed.do, self, self._dice.choice(self._members))))
                due = max(due + 1 / rate, clock() - 1.0)  # what was missed for longer than a second is not made up for

    def _deed(self, deeds: Sequence[Deed]) -> Deed:
        return self._dice.choices(deeds, [deed.weight for deed in deeds])[0]

    async def _one(self, do: Callable[[], Awaitable[None]]) -> None:
        try:
            await do()
        finally:
            self._slots.release()
            self.done += 1

    async def _all(self, deeds: Iterable[Callable[[], Awaitable[object]]]) -> None:
        async def bounded(do: Callable[[], Awaitable[object]]) -> None:
            async with self._slots:
                await do()
                self.done += 1

        async with asyncio.TaskGroup() as running:
            for do in deeds:
                running.create_task(bounded(do))

    async def post(self, member: Member) -> None:
        """Say something new, now and then to somebody."""
        friend = self._dice.choice(self._members).person.username if self._dice.random() < 0.2 else None  # noqa: PLR2004
        self._heard(member, await member.do("POST", "/tweets", {"content": words.tweet(self._dice, friend)}))

    async def like(self, member: Member) -> None:
        """Like a recent tweet."""
        await member.do("POST", f"/tweets/{self._choice().tweet_id}/like")

    async def reply(self, member: Member) -> None:
        """Answer a recent tweet."""
        path = f"/tweets/{self._choice().tweet_id}/reply"
        self._heard(member, await member.do("POST", path, {"content": words.answer(self._dice)}))

    async def retweet(self, member: Member) -> None:
        """Pass a recent tweet on."""
        await member.do("POST", f"/tweets/{self._choice().tweet_id}/retweet")

    async def quote(self, member: Member) -> None:
        """Pass a recent tweet on with a word of one's own."""
        body = {"content": words.quote(self._dice), "quoted_tweet_id": self._choice().tweet_id}
        self._heard(member, await member.do("POST", "/tweets", body))

    async def follow(self, member: Member) -> None:
        """Follow somebody."""
        other = self._dice.choice(self._members)
        if other is not member and other.user_id:
            await member.do("POST", f"/users/{other.user_id}/follow")

    def _choice(self) -> Spoken:
        newest = min(int(self._dice.expovariate(1 / 20)), len(self._spoken) - 1)  # the newer, the likelier
        return self._spoken[-1 - newest]

    def _heard(self, member: Member, answer: dict[str, Any] | None) -> None:
        if answer:
            self._spoken.append(Spoken(answer["tweet_id"], member.person.username))


DEEDS: tuple[Deed, ...] = (
    Deed(40, Town.post),
    Deed(30, Town.like),
    Deed(13, Town.reply),
    Deed(9, Town.retweet),
    Deed(5, Town.quote),
    Deed(3, Town.follow),
)
