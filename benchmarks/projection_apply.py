"""CPU microseconds per event that each projection takes to decide and store, in batches of 1,000, decoding excluded.

Beside it, in the same run: the projector alone, wall time, and bare `executemany` of the same rows into a table without
a key, an index or a trigger (what SQLite takes for a row). Then what reading 200 rows by id takes.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.row import Row
from infra.log.partitioner import partition_of
from infra.log.port import Span, TopicPartition
from infra.settings import Settings
from infra.sqlite.connections import Durability, open_writer
from projections.accounts.sqlite import SqliteAccountsReader
from projections.engagement.sqlite import SqliteEngagementReader
from projections.tweets.sqlite import SqliteTweetsReader
from schemas.accounts.events import AccountRegistered
from schemas.codec import topic_and_key
from schemas.engagements.events import Liked
from schemas.envelope import Envelope
from schemas.follows.events import Followed
from schemas.ids import first_id_at
from schemas.tweets.events import Retweeted, TweetPosted
from streams.projections import PROJECTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from schemas.envelope import Event
    from streams.parts import Projection

PARTITIONS = 8
BATCH = 1_000
START_MS = 1_700_000_000_000
PAGE = 200
READS = 300
WORDS = "Every evening the starlings come in from the fields, turn twice above the old pier and fall out of the sky."

Batches = list[tuple[Span, list["Event"]]]


class Size(NamedTuple):
    """How much happens; half of the tweets are retweets, one in ten a reply: the mix of the Higgs data."""

    users: int
    follows: int
    tweets: int
    likes: int


SIZE = Size(users=60_000, follows=200_000, tweets=200_000, likes=100_000)


class Spent(NamedTuple):
    """Seconds for all batches."""

    cpu: float
    projector_cpu: float
    wall: float


def user(number: int) -> int:
    """Return a user id."""
    return first_id_at(START_MS - SIZE.users + number)


def history(rng: random.Random, size: Size = SIZE) -> Iterator[Event]:
    """Return events in the order of an import: accounts, follows, then what people do; popular ones have most of it."""

    def somebody() -> int:
        return user(rng.randrange(size.users))

    def popular() -> int:
        return user(int(rng.paretovariate(0.8)) % size.users)

    for number in range(size.users):
        yield AccountRegistered(Envelope(number, START_MS, user(number)), user(number), f"user_{number}", "User")
    for _ in range(size.follows):
        yield Followed(Envelope(1, START_MS, 0), somebody(), popular())
    originals: list[tuple[int, int]] = []
    for number in range(size.tweets):
        author, at_ms = somebody(), START_MS + number
        envelope, tweet_id = Envelope(1, at_ms, author), first_id_at(at_ms)
        target = originals[-int(rng.paretovariate(0.8)) % len(originals)] if originals else None
        if number % 2 and target:
            yield Retweeted(envelope, tweet_id, author, *target)
            continue
        originals.append((tweet_id, author))
        if number % 10 or not target:
            yield TweetPosted(envelope, tweet_id, author, WORDS, tweet_id)
        else:
            yield TweetPosted(envelope, tweet_id, author, WORDS, target[0], *target)
    for number in range(size.likes):
        yield Liked(Envelope(1, START_MS + number, 0), *rng.choice(originals), somebody())


def batches(events: Sequence[Event], topics: Sequence[str]) -> Batches:
    """Return the batches that an agent gets: topic by topic, its partitions in turn."""
    log: dict[TopicPartition, list[Event]] = defaultdict(list)
    for event in events:
        topic, key = topic_and_key(event)
        if topic in topics:
            log[TopicPartition(topic, partition_of(key, PARTITIONS))].append(event)
    cut = [
        (start, Span(*partition, start, min(start + BATCH, len(log[partition]))))
        for partition in log
        for start in range(0, len(log[partition]), BATCH)
    ]
    cut.sort(key=lambda it: (topics.index(it[1].topic), it[0]))
    return [(span, log[TopicPartition(span.topic, span.partition)][span.start : span.end]) for _, span in cut]


def apply(projection: Projection, path: Path, chosen: Batches) -> Spent:
    """Decide and store every batch."""
    projector_cpu = 0.0
    with closing(projection.open_store(path, "bench", Settings())) as store:
        cpu, wall = time.process_time(), time.perf_counter()
        for span, events in chosen:
            began = time.process_time()
            writes = projection.project(events)
            projector_cpu += time.process_time() - began
            store.apply(writes, span)
        return Spent(time.process_time() - cpu, projector_cpu, time.perf_counter() - wall)


def bare(projection: Projection, path: Path, chosen: Batches) -> float:
    """Return CPU seconds for the same rows in tables without anything, a transaction a batch."""
    spent = 0.0
    with closing(open_writer(path, Durability.NORMAL)) as table:
        for _, events in chosen:
            by_width: dict[int, list[Any]] = defaultdict(list)
            for write in projection.project(events):
                by_width[len(write)].append(write)
            began = time.process_time()
            with table:
                for width, rows_ in by_width.items():
                    columns = ", ".join(f"c{number}" for number in range(width))
                    table.execute(f"CREATE TABLE IF NOT EXISTS rows_{width} ({columns})")
                    table.executemany(f"INSERT INTO rows_{width} VALUES ({', '.join('?' * width)})", rows_)
            spent += time.process_time() - began
    return spent


def p50_ms(read: Callable[[Any], object], questions: Sequence[Any]) -> float:
    """Return the median time of an answer."""
    times = []
    for question in questions:
        began = time.perf_counter()
        read(question)
        times.append(time.perf_counter() - began)
    return median(times) * 1e3


def reads(folder: Path, tweet_ids: Sequence[int], rng: random.Random) -> Row:
    """Measure reading 200 rows by id: a page's tweets lie close together."""
    starts = [rng.randrange(len(tweet_ids) - 10 * PAGE) for _ in range(READS)]
    pages = [rng.sample(tweet_ids[start : start + 10 * PAGE], PAGE) for start in starts]
    scattered = [rng.sample(tweet_ids, PAGE) for _ in range(READS)]
    people = [[user(rng.randrange(SIZE.users)) for _ in range(PAGE)] for _ in range(READS)]
    tweets = SqliteTweetsReader(folder / "tweets.db")
    accounts = SqliteAccountsReader(folder / "accounts.db")
    engagement = SqliteEngagementReader(folder / "engagement.db")
    with closing(tweets), closing(accounts), closing(engagement):
        beside = {
            "scattered": p50_ms(tweets.many, scattered),
            "accounts": p50_ms(accounts.many, people),
            "counts": p50_ms(engagement.counts, pages),
            "flags": p50_ms(lambda page: engagement.flags(people[0][0], page), pages),
        }
        value = p50_ms(tweets.many, pages)
    return Row("200 tweets by id, p50", value, "ms", beside, "at most 0.6 ms")


def rows() -> list[Row]:
    """Measure."""
    rng = random.Random(1)
    events = list(history(rng))
    measured, seconds = [], 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for projection in PROJECTIONS:
            chosen = batches(events, projection.topics)
            each = 1e6 / sum(len(batch) for _, batch in chosen)
            spent = apply(projection, folder / f"{projection.name}.db", chosen)
            beside = {
                "bare executemany": bare(projection, folder / "bare.db", chosen) * each,
                "projector alone": spent.projector_cpu * each,
                "wall": spent.wall * each,
            }
            (folder / "bare.db").unlink()
            seconds += spent.cpu
            row = Row(f"apply, {projection.name}", spent.cpu * each, "CPU us/event", beside, "at most 10 us")
            measured.append(row)
        tweet_ids = [event.tweet_id for event in events if isinstance(event, TweetPosted | Retweeted)]
        measured.append(reads(folder, tweet_ids, rng))
    whole = Row(
        "apply, all projections", len(events) / seconds, "events/CPU-s", {"events": len(events)}, "at least 15,000"
    )
    return [whole, *measured]


if __name__ == "__main__":
    for row in rows():
        print(row)
