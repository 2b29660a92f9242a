"""People who talk about topics for eight days, and a flood of tags in the last hour: what trends are measured on."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

from infra.log.port import Span
from projections.trends.read_model import DAY_MS, HOUR_MS
from schemas.envelope import Envelope
from schemas.ids import first_id_at
from schemas.tweets.events import TweetPosted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.envelope import Event

START_MS = 20_000 * DAY_MS
SPAN_MS = 8 * DAY_MS
NOW_MS = START_MS + SPAN_MS
ACCOUNTS, TOPICS = 50_000, 20_000
NEWS = 0.3
"""Share of the tweets that are about something of the hour."""
FLOODERS, TAGS_A_TWEET = 200, 50
PLACES = (1, 1, 1, 23424977, 23424975, 44418)  # half of the accounts say nothing of where they are
BATCH, PARTITIONS = 1_000, 8

Portion = tuple[Span, "list[Event]"]


def tweets_wanted(default: int) -> int:
    """Return the size: MURMURATION_BENCH_TWEETS, else the default."""
    return int(os.environ.get("MURMURATION_BENCH_TWEETS", default))


def talk(count: int, seed: int = 1) -> Iterator[TweetPosted]:
    """Yield tweets of one tag each, evenly over the days; few topics have most of them, and each hour has its own."""
    rng = random.Random(seed)
    for number in range(count):
        at_ms = START_MS + SPAN_MS * number // count
        author = int(rng.random() * ACCOUNTS) + 1
        topic = f"topic{int(rng.paretovariate(0.7)) % TOPICS}"
        if rng.random() < NEWS:
            topic = f"news{at_ms // HOUR_MS}x{int(rng.paretovariate(0.5)) % 100}"
        yield _tweet(number, author, at_ms, [topic])


def flood(tags: int, seed: int = 2) -> Iterator[TweetPosted]:
    """Yield tweets that hold so many tags together, each of which nobody has used before, in the last hour."""
    rng = random.Random(seed)
    for number in range(tags // TAGS_A_TWEET):
        at_ms = NOW_MS - int(rng.random() * HOUR_MS // 2)
        words = [f"flood{number}x{tag}" for tag in range(TAGS_A_TWEET)]
        yield _tweet(1 << 40 | number, ACCOUNTS + 1 + number % FLOODERS, at_ms, words)


def portions(tweets: Iterator[TweetPosted], starts: dict[int, int]) -> Iterator[Portion]:
    """Yield batches as an agent gets them, each of one partition; `starts` remembers where each partition is."""
    waiting: dict[int, list[Event]] = {partition: [] for partition in range(PARTITIONS)}
    for tweet in tweets:
        mine = waiting[tweet.author_id % PARTITIONS]
        mine.append(tweet)
        if len(mine) == BATCH:
            yield _portion(tweet.author_id % PARTITIONS, mine, starts)
            waiting[tweet.author_id % PARTITIONS] = []
    for partition, mine in waiting.items():
        if mine:
            yield _portion(partition, mine, starts)


def _portion(partition: int, events: list[Event], starts: dict[int, int]) -> Portion:
    start = starts.get(partition, 0)
    starts[partition] = start + len(events)
    return Span("tweets", partition, start, start + len(events)), events


def _tweet(number: int, author: int, at_ms: int, tags: list[str]) -> TweetPosted:
    tweet_id = first_id_at(at_ms) + number
    place = PLACES[author % len(PLACES)]
    return TweetPosted(Envelope(tweet_id, at_ms, author), tweet_id, author, "x", tweet_id, hashtags=tags, place=place)
