"""The `sqlog://` transport: Faust on a log that is read in this process (embedded: SQLite files).

There is no broker and no consumer group: one process owns a projection and all partitions of its topics. So this
consumer drives Faust's rebalance itself, once per subscription, and keeps no commits: the store's checkpoint is all
there is. A waiting reader is woken by the log's tail, never by polling.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from faust.transport import base
from faust.types import TP

from infra.log.port import TopicPartition
from streams.errors import CheckpointError
from streams.transports.batches import BatchConsumer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from infra.log.port import Batch, LogReader

FETCH_BATCHES = 4  # held while the agent is busy: (stream_buffer_maxsize + 2 + FETCH_BATCHES) * batch_records at most


class LogTail(Protocol):
    """Tells that the log has grown, whichever process appended (see infra.log.embedded)."""

    async def wait(self, timeout: float) -> None:  # noqa: ASYNC109 - a bound per wait is the contract
        """Return when something was appended after the call, or after `timeout` seconds."""


@dataclass(frozen=True, slots=True)
class LogSource:
    """What an app reads: its consumer takes it from the app's attribute `source`.

    `checkpoints` returns the next offset to apply of each partition that the store has applied anything of; that they
    are offsets of this log, a store makes sure of when it is opened.
    """

    log: LogReader
    tail: LogTail
    checkpoints: Callable[[], Mapping[TopicPartition, int]]
    batch_records: int


class Consumer(BatchConsumer):
    """Reads the partitions of the subscribed topics in turn, at most FETCH_BATCHES batches at a time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._source: LogSource = self.app.source
        self._turns: deque[TP] = deque()
        self._positions: dict[TP, int] = {}
        self._ends: dict[TP, int] = {}
        self._news: asyncio.Task[None] | None = None

    # Subscription

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Take all partitions of the topics, in the background: Faust awaits this before it can be assigned any."""
        self.add_future(self._rebalance(sorted(topics)))

    async def _rebalance(self, topics: list[str]) -> None:
        self.app.on_rebalance_start()
        await self.on_partitions_revoked(self.assignment())
        self._turns = deque(TP(topic, part) for topic in topics for part in range(self._source.log.partitions(topic)))
        self._refresh_ends()
        self.app.consumer_generation_id += 1
        await self.on_partitions_assigned(self.assignment(), self.app.consumer_generation_id)

    def assignment(self) -> set[TP]:
        """Return the partitions owned, all of the subscribed topics."""
        return set(self._turns)

    def topic_partitions(self, topic: str) -> int:
        """Return the number of partitions of a topic."""
        return self._source.log.partitions(topic)

    # Fetching

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Mapping[TP, list[Batch]]:  # noqa: ASYNC109 - Faust's signature
        active = self.assignment() if active_partitions is None else active_partitions
        if fetched := self._fetch(active):
            return fetched
        await self._wait_for_news(active, timeout)
        return self._fetch(active)

    async def _wait_for_news(self, active: set[TP], timeout: float) -> None:  # noqa: ASYNC109 - Faust's signature
        """Return when the log has grown, a full partition has room again, or the time is up."""
        self._news = asyncio.ensure_future(self._source.tail.wait(timeout))
        try:
            await asyncio.sleep(0)  # the tail listens from here on, so what the next look does not see will wake it
            self._refresh_ends()
            if not self._behind(active):
                await asyncio.wait((self._news,))
                self._refresh_ends()
        finally:
            self._news.cancel()

    def _behind(self, active: set[TP]) -> list[TP]:
        return [tp for tp in self._turns if tp in active and self._positions[tp] < self._ends[tp]]

    def _fetch(self, active: set[TP]) -> dict[TP, list[Batch]]:
        fetched = {}
        behind = self._behind(active)[:FETCH_BATCHES]
        for tp in behind:
            batch = self._source.log.read(tp.topic, tp.partition, self._positions[tp], self._source.batch_records)
            if batch is not None:
                self._positions[tp] = batch.next_offset
                fetched[tp] = [batch]
        if behind:
            self._turns.rotate(-self._turns.index(behind[-1]) - 1)  # those read last wait longest for their next turn
        return fetched

    def on_buffer_drop(self, tp: TP) -> None:
        """Wake a fetch that waits for appends while this partition, full until now, has records to read."""
        super().on_buffer_drop(tp)
        if self._news is not None:
            self._news.cancel()

    def _refresh_ends(self) -> None:
        topics = sorted({tp.topic for tp in self._turns})
        self._ends = {TP(*tp): end for tp, end in self._source.log.end_offsets(topics).items()}

    # Positions

    async def starting_offsets(self) -> Mapping[TP, int]:
        """Return the store's checkpoints, 0 where it has none; raises CheckpointError for one beyond the end."""
        checkpoints = self._source.checkpoints()
        self._refresh_ends()
        starts = {tp: checkpoints.get(TopicPartition(*tp), 0) for tp in self._turns}
        for tp, start in starts.items():
            if start > self._ends[tp]:
                raise CheckpointError(
                    f"{self.app.conf.id}: the store has applied {tp.topic}[{tp.partition}] up to {start}, "
                    f"but the log ends at {self._ends[tp]}; records were lost, or the store is of another log"
                )
        return starts

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Read on from these offsets."""
        self._positions.update(partitions)

    async def _seek(self, partition: TP, offset: int) -> None:
        self._positions[partition] = offset

    async def position(self, tp: TP) -> int | None:
        """Return the next offset to read."""
        return self._positions.get(tp)

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """Return 0 for each: the log keeps everything."""
        return dict.fromkeys(partitions, 0)

    def highwater(self, tp: TP) -> int:
        """Return the end of the partition as last seen."""
        return self._ends[tp]

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """Return the ends of the partitions as last seen."""
        return {tp: self._ends[tp] for tp in partitions}

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:  # noqa: ARG002 - Faust's signature
        return True  # the store's transaction was the commit

    # What Faust asks of a broker, and an embedded log has no use for

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:  # noqa: ARG002 - Faust's signature
        """Return the partition given: agents append through the EventLog port, which does its own partitioning."""
        return partition

    async def create_topic(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the log creates the topics of the catalogue itself."""


class Transport(base.Transport):  # type: ignore[misc]  # Faust is untyped here
    """The transport of scheme `sqlog`; Faust's own producer stands idle in it."""

    Consumer: ClassVar[type[Consumer]] = Consumer
    driver_version = "sqlog"
