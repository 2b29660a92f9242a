"""As of the middle of random histories, beside a recomputation from the events by the plainest code."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from infra.clock import rfc3339
from schemas.accounts.events import AccountSuspended
from schemas.follows.events import Blocked, Followed, Muted, Unblocked, Unfollowed, Unmuted
from schemas.ids import to_uuid
from schemas.tweets.events import Retweeted, RetweetUndone, TweetDeleted, TweetPosted
from tests import histories
from tests.builders import envelope
from tests.moments import frozen
from tests.query_world import World, ids
from tests.recount import recount

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from schemas.envelope import Event

STEPS = 250
VERBS = (
    "post", "post", "reply", "reply", "quote", "reply and quote", "retweet", "retweet", "undo", "delete", "edit",
    "follow", "follow", "block", "mute", "like", "bookmark",
)  # fmt: skip
SUSPENDED = 5


class Facts:
    """What stands after some events."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.tweets: dict[int, TweetPosted | Retweeted] = {}
        self.follows: set[tuple[int, int]] = set()
        self.blocks: set[tuple[int, int]] = set()
        self.mutes: set[tuple[int, int]] = set()
        begins = {Followed: self.follows, Blocked: self.blocks, Muted: self.mutes}
        ends = {Unfollowed: self.follows, Unblocked: self.blocks, Unmuted: self.mutes}
        for event in events:
            if isinstance(event, TweetPosted | Retweeted):
                self.tweets[event.tweet_id] = event
            elif isinstance(event, TweetDeleted | RetweetUndone):
                self.tweets.pop(event.tweet_id, None)
            elif type(event) in begins:
                begins[type(event)].add((event.user_id, event.target_id))  # type: ignore[attr-defined,index]
            elif type(event) in ends:
                ends[type(event)].discard((event.user_id, event.target_id))  # type: ignore[attr-defined,index]

    def blocked(self, viewer: int) -> set[int]:
        return {b if a == viewer else a for a, b in self.blocks if viewer in (a, b)}

    def muted(self, viewer: int) -> set[int]:
        return {b for a, b in self.mutes if a == viewer}


class Expected(NamedTuple):
    """What is to be shown: the facts of then, less what the facts of then and of now hide."""

    then: Facts
    now: Facts

    def blocked(self, viewer: int) -> set[int]:
        return self.then.blocked(viewer) | self.now.blocked(viewer)

    def hidden(self, viewer: int) -> set[int]:
        return self.blocked(viewer) | self.then.muted(viewer) | self.now.muted(viewer)

    def shows(self, tweet_id: int, hidden: set[int]) -> bool:
        tweet = self.then.tweets.get(tweet_id)
        if tweet is None or tweet_id not in self.now.tweets or tweet.author_id in hidden | {SUSPENDED}:
            return False
        return not isinstance(tweet, Retweeted) or self.shows(tweet.original_id, hidden)

    def home(self, viewer: int) -> list[int]:
        heard = {target for user, target in self.then.follows if user == viewer} | {viewer}
        found: dict[int, int] = {}
        for tweet_id in sorted(self.then.tweets, reverse=True):
            tweet = self.then.tweets[tweet_id]
            parent = tweet.reply_to_author_id if isinstance(tweet, TweetPosted) else None
            unheard = parent is not None and parent not in heard and tweet.author_id != viewer
            if tweet.author_id in heard and not unheard and self.shows(tweet_id, self.hidden(viewer)):
                found.setdefault(tweet.original_id if isinstance(tweet, Retweeted) else tweet_id, tweet_id)
        return sorted(found.values(), reverse=True)

    def said_by(self, author: int, viewer: int) -> list[int]:
        hidden = self.blocked(viewer) | (self.hidden(viewer) - {author})
        of_author = [it.tweet_id for it in self.then.tweets.values() if it.author_id == author]
        return [it for it in sorted(of_author, reverse=True) if self.shows(it, hidden)]


def history(seed: int) -> list[Event]:
    chance = random.Random(seed)
    steps = [
        histories.Step(
            chance.choice(VERBS), chance.choice(histories.USERS), chance.randrange(31), 1 + chance.randrange(9)
        )
        for _ in range(STEPS)
    ]
    return histories.World().play(steps)


@pytest.mark.parametrize("seed", [1, 2])
async def test_as_of_the_middle_of_a_history(tmp_path: Path, seed: int) -> None:
    events = history(seed)
    at_ms = events[len(events) * 3 // 5].envelope.occurred_at_ms
    before = [event for event in events if event.envelope.occurred_at_ms <= at_ms]
    suspended = AccountSuspended(envelope(events[-1].envelope.occurred_at_ms + 1), SUSPENDED, 0)
    async with World(tmp_path) as world:
        await world.given(*events, suspended)
        frozen(world, at_ms)
        expected = Expected(Facts(before), Facts(events))
        assert sum(len(expected.home(viewer)) for viewer in histories.USERS) > len(histories.USERS) * 5
        for viewer in set(histories.USERS) - {SUSPENDED}:
            await compare(world, viewer, expected, rfc3339(at_ms))
        await compare_counts(world, before, rfc3339(at_ms))
        assert await world.refused(f"/users/{to_uuid(SUSPENDED)}", as_of=rfc3339(at_ms)) == (404, "user_not_found")


async def compare(world: World, viewer: int, expected: Expected, moment: str) -> None:
    home = await world.get("/timeline/home", viewer, as_of=moment)
    assert ids(home["tweets"]) == [to_uuid(it) for it in expected.home(viewer)]
    for author in set(histories.USERS) - {SUSPENDED}:
        path = f"/timeline/user/{to_uuid(author)}"
        if author in expected.blocked(viewer):
            assert await world.refused(path, viewer, as_of=moment) == (403, "blocked")
            continue
        page = await world.get(path, viewer, as_of=moment)
        assert ids(page["tweets"]) == [to_uuid(it) for it in expected.said_by(author, viewer)]


async def compare_counts(world: World, before: Sequence[Event], moment: str) -> None:
    found = recount(before)
    for user in set(histories.USERS) - {SUSPENDED}:
        profile = await world.get(f"/users/{to_uuid(user)}", as_of=moment)
        told = (profile["followers_count"], profile["following_count"], profile["tweets_count"])
        assert told == (found.followers[user], found.following[user], found.tweets[user])
        tweets: list[dict[str, Any]] = (await world.get(f"/timeline/user/{to_uuid(user)}", as_of=moment))["tweets"]
        likes = {to_uuid(tweet_id): count for tweet_id, count in found.likes.items()}
        for tweet in tweets:
            about = tweet["retweeted_tweet_id"] or tweet["tweet_id"]
            assert tweet["likes_count"] == likes.get(about, 0)
