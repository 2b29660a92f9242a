"""What must be true when the faults are over: nothing acknowledged lost, nothing doubled, every count a recount."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import httpx

from schemas.catalogue import FACT_TOPICS
from schemas.ids import from_uuid
from schemas.tweets.events import Retweeted, TweetPosted
from tests.e2e.crowd import FOLLOWED
from tests.recount import events_of, recount

if TYPE_CHECKING:
    from schemas.envelope import Event
    from tests.e2e.crowd import Crowd
    from tests.e2e.people import Person
    from tests.recount import Recount

READ_AT_ONCE = 8
COUNTS_KEPT_SECONDS = 5.0  # they may be a second behind; reading them all takes longer
OF_TWEETS = ("likes", "retweets", "replies", "quotes")
OF_PEOPLE = ("followers", "following", "tweets")


async def check(crowd: Crowd) -> None:
    """Check all of it, over what the crowd did; every projection must have caught up."""
    crowd.assert_nobody_saw_more_than_they_may()
    with crowd.system.log() as log:
        events = list(events_of(log, FACT_TOPICS))
    check_log(events, crowd)
    async with httpx.AsyncClient(timeout=60) as client:
        await check_timelines(client, crowd)
        await check_counts(client, events, crowd)


def check_log(events: list[Event], crowd: Crowd) -> None:
    """Every 201 is on the log, and one event for each key."""
    posted = Counter(event.tweet_id for event in events if isinstance(event, TweetPosted))
    acknowledged = {from_uuid(tweet) for tweet in crowd.tweets}
    assert acknowledged <= set(posted)
    contents = Counter(event.content for event in events if isinstance(event, TweetPosted))
    assert [content for content, times in contents.items() if times > 1] == []
    retweets = Counter((event.author_id, event.original_id) for event in events if isinstance(event, Retweeted))
    assert [pair for pair, times in retweets.items() if times > 1] == []


async def check_timelines(client: httpx.AsyncClient, crowd: Crowd) -> None:
    """Every 201 is in its author's timeline and in every follower's home, once."""
    by_author: dict[str, set[str]] = {person.user_id: set() for person in crowd.people}
    for tweet, (author, _) in crowd.tweets.items():
        by_author[author.user_id].add(tweet)
    await asyncio.gather(*(check_timelines_of(client, crowd, person, by_author) for person in crowd.people))


async def check_timelines_of(
    client: httpx.AsyncClient, crowd: Crowd, reader: Person, by_author: dict[str, set[str]]
) -> None:
    """Read both timelines of one person, all pages."""
    own = all_ids(await reader.read_all(client, f"/timeline/user/{reader.user_id}"))
    assert set(own.values()) <= {1}
    assert by_author[reader.user_id] <= set(own)
    home = await reader.read_all(client, "/timeline/home")
    assert set(all_ids(home).values()) <= {1}
    assert all(set(shown_ids(page).values()) <= {1} for page in home)
    shown = set().union(*map(shown_ids, home))
    for author in crowd.people[:FOLLOWED]:
        tweets = {it for it in by_author[author.user_id] if not is_reply_to_stranger(crowd, it, reader)}
        assert tweets <= shown, f"{len(tweets - shown)} of {len(tweets)} are missing"


async def check_counts(client: httpx.AsyncClient, events: list[Event], crowd: Crowd) -> None:
    """Every count that is shown is what counting over the log comes to, once what is kept of it has run out."""
    counted = recount(events)
    began, deadline = time.monotonic(), time.monotonic() + COUNTS_KEPT_SECONDS
    while wrong := await miscounted(client, counted, crowd):
        assert began < deadline, f"{len(wrong)} are miscounted (shown, by the log): {wrong}"
        began = time.monotonic()  # the last time they are read, all is read after the deadline


async def miscounted(
    client: httpx.AsyncClient, counted: Recount, crowd: Crowd
) -> dict[str, tuple[list[int], list[int]]]:
    """Where what is shown differs: what it is, and what it should be."""
    asked: list[tuple[str, Person, tuple[str, ...]]]
    asked = [(f"/tweets/{tweet}", author, OF_TWEETS) for tweet, (author, _) in crowd.tweets.items()]
    asked += [(f"/users/{person.user_id}", person, OF_PEOPLE) for person in crowd.people]
    wrong = {}
    left = iter(asked)

    async def read() -> None:
        for path, asking, names in left:
            found = await asking.read(client, path)
            number = from_uuid(path.rpartition("/")[2])
            assert number is not None
            shown = [found[f"{name}_count"] for name in names]
            wanted = [getattr(counted, name)[number] for name in names]
            if shown != wanted:
                wrong[path] = shown, wanted

    await asyncio.gather(*(read() for _ in range(READ_AT_ONCE)))
    return wrong


def all_ids(pages: list[list[dict[str, Any]]]) -> Counter[str]:
    """The ids on all pages together."""
    return Counter(tweet["tweet_id"] for page in pages for tweet in page)


def shown_ids(page: list[dict[str, Any]]) -> Counter[str]:
    """What a page shows, each line as the tweet it stands for: a retweet hides its original on the same page."""
    return Counter(tweet["retweeted_tweet_id"] or tweet["tweet_id"] for tweet in page)


def is_reply_to_stranger(crowd: Crowd, tweet: str, reader: Person) -> bool:
    """Whether the reader may not see the reply, because its parent's author is no one that everybody follows."""
    heard = {person.user_id for person in crowd.people[:FOLLOWED]} | {reader.user_id}
    return crowd.parents.get(tweet, reader.user_id) not in heard
