"""Measures records per CPU-second through an agent, decode included: `python -m benchmarks.records_through_agent`.

Beside it, in the same run and over the same records: a plain loop that reads and decodes (the ceiling), and the same
transport with one Faust message per record (stock delivery). Two kinds of events: tweets, whose decoding costs most of
all, and likes, of which there are ten to a tweet.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import uvloop
from faust.transport.consumer import Consumer
from faust.types import TP, ConsumerMessage
from prometheus_client import CollectorRegistry
from yarl import URL

from benchmarks.row import Row
from infra.log import embedded
from infra.log.port import Position, Record, Span, TopicPartition
from schemas.codec import decode, encode, topic_and_key
from schemas.engagements.events import Liked
from schemas.envelope import Envelope
from schemas.ids import SnowflakeGenerator, unix_ms
from schemas.tweets.events import TweetPosted
from streams.app import StreamSettings, build_app, collect_garbage_rarely, run_apps
from streams.dead_letters import DeadLetters
from streams.decoded import DecodedBatches
from streams.loop import ProjectionLoop
from streams.metrics import StreamMetrics
from streams.transports import sqlog

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Mapping, Sequence

    from schemas.envelope import Event

PARTITIONS = 4
RECORDS = 100_000
STOCK_RECORDS = 15_000  # about a second of it
ROUNDS = 3
CONTENT = "Every evening the starlings come in from the fields, turn twice above the old pier and fall out of the sky."


LIKES_PER_TWEET = 10  # the planned load: 5 billion likes and 500 million tweets a day
UNIT = "records/CPU-second"
GOAL = "at least 0.75 of the plain loop and 10 times stock Faust"


class CountingStore:
    """Counts what it is given, by kind of event, and ends the run with the last record."""

    def __init__(self, records: int, stop: asyncio.Event) -> None:
        self.counts: dict[str, int] = {}
        self._next: dict[TopicPartition, int] = {}
        self._left = records
        self._stop = stop
        self.began = self.ended = 0.0

    def checkpoints(self) -> Mapping[TopicPartition, int]:
        """Return what was applied: nothing at first."""
        return self._next

    def apply(self, writes: Sequence[Any], span: Span) -> None:
        """Count."""
        for kind in writes:
            self.counts[kind] = self.counts.get(kind, 0) + 1
        self._next[TopicPartition(span.topic, span.partition)] = span.end
        self.passed(span.end - span.start)

    def passed(self, records: int) -> None:
        """Note that so many records are through."""
        self._left -= records
        if not self._left:
            self.ended = time.process_time()
            self._stop.set()

    def close(self) -> None:
        """Nothing to close."""


def _nothing(_: Sequence[Event]) -> Sequence[Any]:
    return ()


def kinds_of(events: Sequence[Event]) -> Sequence[Any]:
    """Project: one write per event, its kind."""
    return [type(event).__name__ for event in events]


class NoLetters:
    """A log that nothing is appended to."""

    async def append(self, records: Sequence[Record]) -> list[Position]:
        """Raise: nothing may come here."""
        raise AssertionError(f"{len(records)} dead letters in a benchmark")


class _StockConsumer(sqlog.Consumer):
    """One message per record, and Faust's own commits."""

    _new_offset = Consumer._new_offset  # noqa: SLF001 - what our transport replaces is what is measured
    _add_gap = Consumer._add_gap  # noqa: SLF001

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Mapping[TP, list[Any]]:  # noqa: ASYNC109 - Faust's signature
        fetched = await super()._getmany(active_partitions, timeout)
        return {tp: list(enumerate(batch.values, batch.base_offset)) for tp, [batch] in fetched.items()}

    def _to_message(self, tp: TP, record: Any) -> Any:
        offset, value = record
        generation = self.app.consumer_generation_id
        return ConsumerMessage(*tp, offset, 0.0, 0, None, None, value, None, tp=tp, generation_id=generation)


class _StockTransport(sqlog.Transport):
    Consumer = _StockConsumer


def a_tweet(event_id: int) -> Event:
    """Return a tweet of 104 characters with one hashtag."""
    return TweetPosted(
        envelope=Envelope(event_id=event_id, occurred_at_ms=unix_ms(event_id), actor_id=event_id),
        tweet_id=event_id,
        author_id=event_id,
        content=CONTENT,
        conversation_id=event_id,
        hashtags=["dusk"],
    )


def a_like(event_id: int) -> Event:
    """Return a like by a user of its own."""
    envelope = Envelope(event_id=event_id, occurred_at_ms=unix_ms(event_id), actor_id=event_id)
    return Liked(envelope=envelope, tweet_id=event_id, author_id=1, user_id=event_id)


class Input(NamedTuple):
    """A log of one kind of event."""

    topic: str
    folder: Path
    records: int


def _fill(folder: Path, records: int, make: Callable[[int], Event]) -> Input:
    ids = SnowflakeGenerator(1, lambda: 1_800_000_000_000)
    events = [make(ids.next_id()) for _ in range(records)]
    topic = topic_and_key(events[0])[0]
    embedded.ensure(folder, {topic: PARTITIONS})
    log = embedded.open_appender(folder, "facts", {})
    for first in range(0, records, 5_000):
        chunk = events[first : first + 5_000]
        log.append_blocking([Record(*topic_and_key(event), encode(event)) for event in chunk])
    log.close()
    return Input(topic, folder, records)


async def _plain(given: Input) -> float:
    log = embedded.EmbeddedLogReader(given.folder)
    began, records = time.process_time(), 0
    for partition in range(PARTITIONS):
        offset = 0
        while batch := log.read(given.topic, partition, offset, StreamSettings().batch_records):
            records += len([decode(value) for value in batch.values])
            offset = batch.next_offset
    return records / (time.process_time() - began)


async def _agent(
    given: Input, project: Callable[[Sequence[Event]], Sequence[Any]] = _nothing, *, stock: bool = False
) -> float:
    log, tail = embedded.EmbeddedLogReader(given.folder), embedded.EmbeddedLogTail(given.folder)
    stop = asyncio.Event()
    store = CountingStore(given.records, stop)
    dead_letters = DeadLetters(NoLetters(), SnowflakeGenerator(1, lambda: 1))
    loop = ProjectionLoop("bench", project, store, dead_letters, DecodedBatches(), StreamMetrics(CollectorRegistry()))

    async def batches_agent(batches: AsyncIterable[Any], loop: ProjectionLoop) -> None:
        async for batch in batches:
            store.began = store.began or time.process_time()
            await loop.handle(batch)

    async def records_agent(batches: AsyncIterable[Any], loop: ProjectionLoop) -> None:
        del loop
        async for value in batches:
            store.began = store.began or time.process_time()
            decode(value)
            store.passed(1)

    settings = StreamSettings(buffered_batches=4_096) if stock else StreamSettings()  # 4,096: Faust's own default
    app = build_app("bench", (given.topic,), records_agent if stock else batches_agent, loop, log, tail, settings)
    if stock:
        app.transport = _StockTransport([URL("sqlog://")], app)
    await run_apps([app], stop)
    tail.close()
    log.close()
    return given.records / (store.ended - store.began)


def _round(given: Input, stock: Input) -> dict[str, float]:
    return {
        "plain loop": uvloop.run(_plain(given)),
        "an agent, empty sink": uvloop.run(_agent(given)),
        "an agent, counting store": uvloop.run(_agent(given, kinds_of)),
        "stock Faust": uvloop.run(_agent(stock, stock=True)),
    }


def _measure(make: Callable[[int], Event]) -> dict[str, float]:
    """Return the median of the rounds for each way."""
    with tempfile.TemporaryDirectory() as name:
        given = _fill(Path(name) / "all", RECORDS, make)
        stock = _fill(Path(name) / "few", STOCK_RECORDS, make)
        rounds = [_round(given, stock) for _ in range(ROUNDS)]
    return {way: statistics.median(each[way] for each in rounds) for way in rounds[0]}


def _mixed(tweets: dict[str, float], likes: dict[str, float]) -> dict[str, float]:
    """Return the rates for LIKES_PER_TWEET likes to a tweet, from the time that each takes."""
    return {way: (1 + LIKES_PER_TWEET) / (1 / tweets[way] + LIKES_PER_TWEET / likes[way]) for way in tweets}


def _table(kind: str, rates: dict[str, float]) -> list[Row]:
    beside = {way: rates[way] for way in ("plain loop", "stock Faust")}
    ours = {way: rate for way, rate in rates.items() if way not in beside}
    return [
        Row(
            f"{kind} through {way}",
            rate,
            UNIT,
            {**beside, "ratio to plain": rate / beside["plain loop"], "times stock": rate / beside["stock Faust"]},
            GOAL,
        )
        for way, rate in ours.items()
    ]


def rows() -> list[Row]:
    """Return the medians of the rounds; takes about half a minute."""
    logging.disable(logging.INFO)
    collect_garbage_rarely()  # as the stream process does; for every way alike
    try:
        tweets, likes = _measure(a_tweet), _measure(a_like)
    finally:
        logging.disable(logging.NOTSET)
    mixed = _mixed(tweets, likes)
    mix = f"{LIKES_PER_TWEET} likes to a tweet"
    return [*_table("tweets", tweets), *_table("likes", likes), *_table(mix, mixed)]


if __name__ == "__main__":
    for row in rows():
        print(row)
