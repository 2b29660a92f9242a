"""In-memory stand-ins for what the streams stand on: a log with its tail, a store, dead letters, and events."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry

from infra.log.port import Batch, Position, Record, Span, TopicPartition
from infra.projections import RejectedWriteError, WrongSpanError
from schemas.codec import encode
from schemas.envelope import Envelope
from schemas.follows.events import Followed
from streams.decoded import DecodedBatches
from streams.loop import ProjectionLoop
from streams.metrics import StreamMetrics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from schemas.envelope import Event
    from streams.dead_letters import DeadLetter

TOPIC = "follows"
UNDECODABLE = b"\x07no event of ours"


def followed(number: int) -> Followed:
    return Followed(
        envelope=Envelope(event_id=number, occurred_at_ms=1_000 + number, actor_id=number), user_id=number, target_id=1
    )


def value(number: int) -> bytes:
    return encode(followed(number))


def numbers_of(events: Sequence[Event]) -> list[int]:
    """A projector: one write per event, its number."""
    return [event.envelope.event_id for event in events]


class MemoryLog:
    """LogReader, EventLog and LogTail of one process."""

    def __init__(self, partitions: int = 1, log_id: str = "a-log") -> None:
        self.log_id = log_id
        self._partitions = partitions
        self._records: defaultdict[TopicPartition, list[Record]] = defaultdict(list)
        self._waiting: set[asyncio.Future[None]] = set()
        self.timeouts = 0

    def partitions(self, topic: str) -> int:
        del topic
        return self._partitions

    def read(self, topic: str, partition: int, offset: int, max_records: int) -> Batch | None:
        found = self._records[TopicPartition(topic, partition)][offset : offset + max_records]
        if not found:
            return None
        return Batch(topic, partition, offset, [it.key for it in found], [it.value for it in found])

    def end_offsets(self, topics: Sequence[str]) -> Mapping[TopicPartition, int]:
        every = (TopicPartition(topic, number) for topic in topics for number in range(self._partitions))
        return {partition: len(self._records[partition]) for partition in every}

    def put(self, records: Sequence[Record]) -> list[Position]:
        positions = []
        for record in records:
            partition = TopicPartition(record.topic, record.key % self._partitions)
            positions.append(Position(*partition, len(self._records[partition])))
            self._records[partition].append(record)
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
        return positions

    async def append(self, records: Sequence[Record]) -> list[Position]:
        return self.put(records)

    def fill(self, numbers: Sequence[int], topic: str = TOPIC) -> None:
        self.put([Record(topic, number, value(number)) for number in numbers])

    async def wait(self, timeout: float) -> None:  # noqa: ASYNC109 - the tail's signature
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            async with asyncio.timeout(timeout):
                await waiter
        except TimeoutError:
            self.timeouts += 1
        finally:
            self._waiting.discard(waiter)


class MemoryStore:
    """A ProjectionStore whose writes are numbers; it can be told to turn writes down."""

    def __init__(self, checkpoints: Mapping[TopicPartition, int] | None = None) -> None:
        self.next = dict(checkpoints or {})
        self.written: list[int] = []
        self.spans: list[Span] = []
        self.failures: list[Exception] = []
        self.rejected: set[int] = set()
        self.changed = asyncio.Event()

    def checkpoints(self) -> Mapping[TopicPartition, int]:
        return dict(self.next)

    def apply(self, writes: Sequence[Any], span: Span) -> None:
        if self.failures:
            raise self.failures.pop(0)
        if bad := self.rejected.intersection(writes):
            raise RejectedWriteError(f"cannot store {sorted(bad)}")
        partition = TopicPartition(span.topic, span.partition)
        if span.start != self.next.get(partition, 0):
            raise WrongSpanError(f"{span} on {self.next}")
        self.next[partition] = span.end
        self.spans.append(span)
        self.written += writes
        self.changed.set()

    def close(self) -> None:
        """Nothing to close."""

    async def holds(self, count: int) -> None:
        """Return when `count` writes are applied."""
        while len(self.written) < count:
            self.changed.clear()
            await self.changed.wait()


class MemoryDeadLetters:
    """Keeps the letters of every projection; the first appends fail as told."""

    def __init__(self) -> None:
        self.letters: list[tuple[str, DeadLetter]] = []
        self.failures: list[Exception] = []

    async def append(self, projection: str, letters: Sequence[DeadLetter]) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.letters += [(projection, letter) for letter in letters]


class ProcessEndedError(BaseException):
    """Stands for the end of the process: nothing that catches Exception survives it."""


def end_process(code: int) -> None:
    raise ProcessEndedError(code)


class Sleeps:
    """Records what was slept, and sleeps none of it."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def a_loop(
    store: MemoryStore,
    dead_letters: MemoryDeadLetters | None = None,
    *,
    name: str = "numbers",
    project: Callable[[Sequence[Event]], Sequence[Any]] = numbers_of,
    sleep: Sleeps | None = None,
    metrics: StreamMetrics | None = None,
    decoded: DecodedBatches | None = None,
) -> ProjectionLoop:
    return ProjectionLoop(
        name,
        project,
        store,
        dead_letters or MemoryDeadLetters(),
        decoded or DecodedBatches(),
        metrics or StreamMetrics(CollectorRegistry()),
        sleep=sleep or Sleeps(),
        end_process=end_process,
    )
