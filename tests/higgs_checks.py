"""What a loaded Higgs file must have led to, entry by entry against the naive recomputation; for both profiles."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from infra.auth.keys import KeyRing
from infra.auth.tokens import AccessTokens
from infra.clock import SystemClock
from projections.engagement.read_model import Counts
from projections.graph.read_model import FollowCounts
from schemas.accounts.events import AccountRegistered
from schemas.catalogue import ACCOUNTS, TWEETS
from schemas.codec import decode
from schemas.ids import from_uuid
from schemas.tweets.events import Retweeted, TweetPosted
from tests.naive_notifications import all_pages, check_pages, expected, facts_of_higgs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from infra.log.port import LogReader
    from schemas.envelope import Event
    from tests.naive_higgs import NaiveHiggs
    from tests.naive_notifications import Fact

PAGE, CHUNK, MOST_PAGES = 200, 1_000, 10


@dataclass
class Loaded:
    """What the log holds after a load."""

    ids: dict[int, int]  # the file's number → user id
    tweet_ids: list[int]  # in the order of the log's ids: the place of an entry of the naive recomputation → its id
    originals: dict[int, list[int]]  # user id → ids of their tweets that are no retweets

    @classmethod
    def read(cls, log: LogReader) -> Loaded:
        ids = {
            int(event.username.removeprefix("higgs_")): event.user_id
            for event in events_of(log, ACCOUNTS)
            if isinstance(event, AccountRegistered)
        }
        tweet_ids: list[int] = []
        originals: dict[int, list[int]] = {}
        for event in events_of(log, TWEETS):
            assert isinstance(event, TweetPosted | Retweeted)
            tweet_ids.append(event.tweet_id)
            if isinstance(event, TweetPosted):
                originals.setdefault(event.author_id, []).append(event.tweet_id)
        return cls(ids, sorted(tweet_ids), originals)


class Readers(NamedTuple):
    """The read models of either profile."""

    accounts: Any
    graph: Any
    tweets: Any
    engagement: Any


def events_of(log: LogReader, topic: str) -> Iterator[Event]:
    for (_, partition), end in log.end_offsets((topic,)).items():
        at = 0
        while at < end and (batch := log.read(topic, partition, at, 5_000)):
            yield from map(decode, batch.values)
            at = batch.next_offset


def chunks(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[at : at + CHUNK] for at in range(0, len(ids), CHUNK)]


def check_totals(loaded: Loaded, naive: NaiveHiggs, readers: Readers) -> None:
    """Accounts, follows and tweets of every account."""
    users = list(loaded.ids.values())
    assert set(loaded.ids) == naive.accounts
    names = {user_id: f"higgs_{number}" for number, user_id in loaded.ids.items()}
    found = {user: it.username for page in chunks(users) for user, it in readers.accounts.many(page).items()}
    assert found == names
    counts = {user: count for page in chunks(users) for user, count in readers.graph.counts(page).items()}
    followers, following = Counter(b for _, b in naive.follows), Counter(a for a, _ in naive.follows)
    told = {number: counts.get(user, FollowCounts(0, 0)) for number, user in loaded.ids.items()}
    assert told == {number: FollowCounts(followers[number], following[number]) for number in loaded.ids}
    totals = {user: n for page in chunks(users) for user, n in readers.tweets.counts_by_author(page).items()}
    assert {user: n for user, n in totals.items() if n} == {
        loaded.ids[author]: len(entries) for author, entries in naive.by_author.items() if entries
    }


def check_engagement(loaded: Loaded, naive: NaiveHiggs, readers: Readers) -> dict[int, Counts]:
    """Retweets and replies of every tweet; returns the counts."""
    ids = [tweet_id for tweets in loaded.originals.values() for tweet_id in tweets]
    found = {tweet_id: n for page in chunks(ids) for tweet_id, n in readers.engagement.counts(page).items()}
    counts = {tweet_id: Counts(*n) for tweet_id, n in found.items()}
    replies = Counter(entry.of for entry in naive.entries if entry.kind == "REPLY" and entry.of is not None)
    assert nonzero({tweet_id: n.retweets for tweet_id, n in counts.items()}) == by_id(loaded, naive.retweets())
    assert nonzero({tweet_id: n.replies for tweet_id, n in counts.items()}) == by_id(loaded, replies)
    return counts


def nonzero(counts: dict[int, int]) -> dict[int, int]:
    return {key: count for key, count in counts.items() if count}


def by_id(loaded: Loaded, places: Counter[int]) -> dict[int, int]:
    return {loaded.tweet_ids[place]: count for place, count in places.items()}


def check_notifications(loaded: Loaded, naive: NaiveHiggs, keys: Path, query: str, some: int, busy: int) -> None:
    """Random users, and those who are notified of most, by all their pages up to MOST_PAGES."""
    facts: defaultdict[int, list[Fact]] = defaultdict(list)
    for fact in facts_of_higgs(loaded, naive):
        facts[fact.recipient].append(fact)
    busiest = sorted(facts, key=lambda user: len(facts[user]), reverse=True)[:busy]
    chosen = random.Random(2012).sample(sorted(loaded.ids.values()), min(some, len(loaded.ids)))
    tokens = AccessTokens(KeyRing(keys), SystemClock(), 900)
    with httpx.Client(timeout=30, base_url=query) as client:
        for user in {*chosen, *busiest}:
            headers = {"Authorization": f"Bearer {tokens.issue(user, 1)}"}
            pages = list(all_pages(client, headers, MOST_PAGES))
            wanted = expected(facts[user])
            if len(pages) == MOST_PAGES:  # of what lies beyond, the last minute of the last page may hold some
                minute = min(it.at_ms for it in pages[-1]) // 60_000
                pages = [[it for it in page if it.at_ms // 60_000 > minute] for page in pages]
                wanted = [it for it in wanted if it.at_ms // 60_000 > minute]
            check_pages(pages, wanted)
            unread = client.get("/api/v1/notifications/unread_count", headers=headers).json()
            assert unread == {"unread_count": min(99, len(expected(facts[user]))), "more": len(wanted) > 99}


def check_home_timelines(loaded: Loaded, naive: NaiveHiggs, keys: Path, query: str, some: int, busy: int) -> None:
    """Random users by their first page, the busiest readers by every page."""
    dice = random.Random(2012)
    busiest = sorted(naive.followees, key=lambda user: len(naive.followees[user]), reverse=True)[:busy]
    chosen = dice.sample(sorted(loaded.ids), min(some, len(loaded.ids)))
    tokens = AccessTokens(KeyRing(keys), SystemClock(), 900)
    places = {tweet_id: place for place, tweet_id in enumerate(loaded.tweet_ids)}
    with httpx.Client(timeout=30, base_url=query) as client:
        for user, pages in [*((user, 1) for user in chosen), *((user, 1_000) for user in busiest)]:
            token = tokens.issue(loaded.ids[user], 1)
            check_home_timeline(naive, places, client, user, pages, {"Authorization": f"Bearer {token}"})


def check_home_timeline(
    naive: NaiveHiggs, places: dict[int, int], client: httpx.Client, user: int, pages: int, headers: dict[str, str]
) -> None:
    before, max_id = None, None
    for _ in range(pages):
        params = {"limit": PAGE, **({"max_id": max_id} if max_id else {})}
        answer = client.get("/api/v1/timeline/home", params=params, headers=headers)
        assert answer.status_code == httpx.codes.OK, answer.text
        page = answer.json()
        shown = [shown_entry(tweet, places) for tweet in page["tweets"]]
        wanted = naive.home(user, PAGE, before)
        assert shown == [(it.place, it.kind, f"higgs_{it.author}", it.of) for it in wanted], user
        if not page["has_more"]:
            return
        before, max_id = wanted[-1].place, page["next_max_id"]


def shown_entry(tweet: dict[str, Any], places: dict[int, int]) -> tuple[int, str, str, int | None]:
    of = tweet["retweeted_tweet_id"] or tweet["reply_to_tweet_id"]
    return place_of(tweet["tweet_id"], places), tweet["type"], tweet["user"]["username"], of and place_of(of, places)


def place_of(uuid: str, places: dict[int, int]) -> int:
    tweet_id = from_uuid(uuid)
    assert tweet_id is not None
    return places[tweet_id]
