"""A data folder for the feed benchmark: people who follow each other, full timelines, likes, retweets, quotes."""

from __future__ import annotations

import random
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from infra.auth.keys import KeyRing
from infra.auth.revocations import TABLE
from infra.auth.tokens import AccessTokens
from infra.clock import SystemClock
from infra.log import embedded
from infra.log.port import Span
from infra.projections import StoreUnavailableError
from infra.sqlite.connections import Durability, open_writer
from infra.sqlite.projection_store import generation_path
from schemas.accounts.events import AccountRegistered, SignedIn
from schemas.catalogue import ACCOUNTS, ENGAGEMENTS, FOLLOWS, TWEETS
from schemas.engagements.events import Liked
from schemas.envelope import Envelope, Event
from schemas.follows.events import Followed
from schemas.ids import first_id_at
from schemas.tweets.events import Retweeted, TweetPosted
from streams.projections import PROJECTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from infra.projections import ProjectionStore
    from infra.settings import Settings

RETWEET_SHARE, QUOTE_SHARE = 0.08, 0.05
BATCH = 1_000
ATTEMPTS = 10
START_MS = 1_700_000_000_000
WORDS = ["the", "flock", "turns", "over", "pier", "at", "dusk", "and", "nobody", "leads", "it,", "which", "is", "whole"]


class Town(NamedTuple):
    """How many people, and what each of them does."""

    people: int
    followees: int
    tweets_each: int
    likes_each: int


TOWN = Town(people=2_000, followees=200, tweets_each=5, likes_each=50)
"""200 followees x 5 tweets: every timeline is filled beyond its 800 entries."""


class Posted(NamedTuple):
    """A tweet that others may refer to."""

    tweet_id: int
    author_id: int


def person(number: int) -> int:
    """Return a user id."""
    return first_id_at(START_MS - 10_000_000 + number)


def fill(settings: Settings) -> None:
    """Make the log and the revoked sessions (empty) and the read models (full)."""
    make_surroundings(settings)
    told = facts(TOWN)
    for projection in PROJECTIONS:
        store = projection.open_store(generation_path(settings.projections_dir, projection.name), "bench", settings)
        with closing(store):
            apply(told, projection.topics, projection.project, store)


def make_surroundings(settings: Settings) -> None:
    """Make what a query process needs beside read models: the log and the revoked sessions, empty."""
    embedded.ensure(settings.log_dir, {})
    credentials = open_writer(settings.credentials_path, Durability.NORMAL)
    credentials.execute(f"CREATE TABLE {TABLE} (seq INTEGER PRIMARY KEY, id INTEGER, at_ms INTEGER)").fetchall()
    credentials.close()


def facts(town: Town) -> dict[str, list[Event]]:
    """Return everything that happened there, by topic."""
    rng = random.Random(1)
    told = {ACCOUNTS: accounts(town), FOLLOWS: follows(rng, town)}
    told[TWEETS], posted = tweets(rng, town)
    told[ENGAGEMENTS] = likes(rng, posted, town)
    return told


def apply(
    told: dict[str, list[Event]], topics: Sequence[str], project: Callable[[list[Event]], Any], store: ProjectionStore
) -> None:
    """Fill a store as if each topic had one partition."""
    for topic in topics:
        events = told.get(topic, [])  # what the town has none of
        for first in range(0, len(events), BATCH):
            batch = events[first : first + BATCH]
            surely_apply(store, project(batch), Span(topic, 0, first, first + len(batch)))


def surely_apply(store: ProjectionStore, writes: Sequence[Any], span: Span) -> None:
    """Apply, as an agent does: a server that is busy is asked again."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            store.apply(writes, span)
        except StoreUnavailableError:
            if attempt == ATTEMPTS:
                raise
        else:
            return


def accounts(town: Town) -> list[Event]:
    """Return the accounts, each signed in: their timelines are pushed to."""
    events: list[Event] = []
    for number in range(town.people):
        user_id = person(number)
        envelope = Envelope(user_id, START_MS, user_id)
        name = f"Person Number {number}"
        picture = f"https://images.example/{number}.jpg"
        events.append(AccountRegistered(envelope, user_id, f"person_{number}", name, profile_image_url=picture))
        events.append(SignedIn(envelope, user_id))
    return events


def follows(rng: random.Random, town: Town) -> list[Event]:
    """Return everybody's follows."""
    envelope = Envelope(1, START_MS, 1)
    return [
        Followed(envelope, person(reader), person(author))
        for reader in range(town.people)
        for author in rng.sample(range(town.people), town.followees)
        if author != reader
    ]


def tweets(rng: random.Random, town: Town) -> tuple[list[Event], list[Posted]]:
    """Return tweets, some of them retweets and quotes of earlier ones, and what can be liked."""
    events: list[Event] = []
    posted: list[Posted] = []
    for number in range(town.people * town.tweets_each):
        at_ms = START_MS + number * 1_000
        author_id, tweet_id = person(rng.randrange(town.people)), first_id_at(at_ms)
        envelope = Envelope(tweet_id, at_ms, author_id)
        chance = rng.random()
        if posted and chance < RETWEET_SHARE:
            events.append(Retweeted(envelope, tweet_id, author_id, *rng.choice(posted)))
            continue
        quoted = rng.choice(posted) if posted and chance < RETWEET_SHARE + QUOTE_SHARE else Posted(0, 0)
        content = " ".join(rng.choices(WORDS, k=rng.randrange(5, 40)))[:280]
        event = TweetPosted(
            envelope, tweet_id, author_id, content, tweet_id, None, None, quoted[0] or None, quoted[1] or None
        )
        events.append(event)
        posted.append(Posted(tweet_id, author_id))
    return events, posted


def likes(rng: random.Random, posted: list[Posted], town: Town) -> list[Event]:
    """Return everybody's likes."""
    envelope = Envelope(1, START_MS, 1)
    return [
        Liked(envelope, *tweet, person(reader))
        for reader in range(town.people)
        for tweet in rng.sample(posted, town.likes_each)
    ]


def tokens(settings: Settings, readers: int) -> list[str]:
    """Return access tokens of the first so many people."""
    issuer = AccessTokens(KeyRing(settings.keys_dir), SystemClock(), 3_600)
    return [issuer.issue(person(number), 1) for number in range(readers)]
