"""The `kafkabatch://` transport: Faust's own Kafka consumer, giving agents what was fetched as batches.

aiokafka fetches in a thread of its own; what it hands over for a partition becomes batches of consecutive records.
The group decides who reads a partition; where to start in it, the store's checkpoint decides. Faust goes on committing
offsets, for Kafka's own tools to show: nothing reads them back.

A checkpoint that lies before what the log has kept, or beyond its end, is refused: aiokafka would quietly start at the
earliest record instead.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from faust.transport import base
from faust.transport.drivers import aiokafka
from faust.types import TP

from infra.log.partitioner import keys_of
from infra.log.port import Batch, TopicPartition
from infra.projections import StoreUnavailableError
from streams.backoff import Backoff
from streams.errors import CheckpointError
from streams.transports.batches import BatchConsumer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

logger = logging.getLogger(__name__)

MAX_FETCH_BYTES = 512 * 1024  # a partition; larger records still come, one at a time
SESSION_SECONDS = 6.0  # a worker that was killed holds its partitions so long: the least that a broker allows
HEARTBEAT_SECONDS = 1.0
REBALANCE_SECONDS = 8.0  # for the batch in hand; then the partitions go to another, and the store's checkpoint fences
REQUEST_SECONDS = 20.0
LOOK_AGAIN_SECONDS = 0.02  # while some partition's buffer is full: see Consumer._getmany


@dataclass(frozen=True, slots=True)
class KafkaSource:
    """What an app reads on Kafka: its consumer takes it from the app's attribute `source`.

    `checkpoints` returns the next offset to apply of each partition that the store has applied anything of; that they
    are offsets of these very topics, a store makes sure of by its log's id (KafkaLogReader.log_id_of). A worker with
    a name (`instance`) that starts again within SESSION_SECONDS gets its partitions back at once; another one with the
    same name, at the same time, drives it out. Without a name, partitions go to others as soon as a worker leaves.
    """

    bootstrap: str
    checkpoints: Callable[[], Awaitable[Mapping[TopicPartition, int]]]
    instance: str | None = None

    def options(self, batch_records: int) -> dict[str, Any]:
        """Return Faust's settings for this source."""
        return {
            "broker": [f"kafkabatch://{address.strip()}" for address in self.bootstrap.split(",")],
            "broker_session_timeout": SESSION_SECONDS,
            "broker_heartbeat_interval": HEARTBEAT_SECONDS,
            "broker_rebalance_timeout": REBALANCE_SECONDS,
            "broker_request_timeout": REQUEST_SECONDS,
            "broker_max_poll_records": batch_records,
            "consumer_max_fetch_size": MAX_FETCH_BYTES,
            "consumer_group_instance_id": self.instance,
        }


def batches_of(tp: TP, records: Sequence[Any]) -> Iterator[Batch]:
    """Yield the fetched records of a partition as batches, parted where offsets have none (compaction)."""
    start = 0
    for at in range(1, len(records) + 1):
        if at == len(records) or records[at].offset != records[at - 1].offset + 1:
            yield _batch(tp, records[start:at])
            start = at


def _batch(tp: TP, records: Sequence[Any]) -> Batch:
    keys = keys_of([record.key for record in records])
    return Batch(tp.topic, tp.partition, records[0].offset, keys, [record.value or b"" for record in records])


class Consumer(BatchConsumer, aiokafka.Consumer):  # type: ignore[misc]  # Faust is untyped here
    """Faust's consumer of Kafka, with our batches and our beginning."""

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Mapping[TP, list[Batch]]:  # noqa: ASYNC109 - Faust's signature
        if self._buffered_partitions:
            # aiokafka waits for records of the others; nothing tells it that one of these has room again
            timeout = min(timeout, LOOK_AGAIN_SECONDS)
        fetched = await super()._getmany(active_partitions, timeout)
        return {TP(*key): list(batches_of(TP(*key), records)) for key, records in fetched.items()}

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Begin, where Faust would not: a worker that was given no partition has nothing to seek, and is ready."""
        await super().on_partitions_assigned(assigned, generation_id)
        self.app.has_begun |= not assigned

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek to the store's checkpoints."""
        found = await super().seek_to_committed() if self.assignment() else {}
        self.app.has_begun = True
        return found

    async def starting_offsets(self) -> Mapping[TP, int]:
        """Return the store's checkpoints, 0 where it has none; raises CheckpointError where the log has not that."""
        assigned = self.assignment()
        checkpoints = await self._checkpoints()
        firsts, ends = await self.earliest_offsets(*assigned), await self.highwaters(*assigned)
        starts = {tp: checkpoints.get(TopicPartition(*tp), 0) for tp in assigned}
        for tp, start in starts.items():
            if not firsts[tp] <= start <= ends[tp]:
                raise CheckpointError(
                    f"{self.app.conf.id}: the store has applied {tp.topic}[{tp.partition}] up to {start}, but the log "
                    f"holds {firsts[tp]} to {ends[tp]}; records were lost, or the store is of another log"
                )
        return starts

    async def _checkpoints(self) -> Mapping[TopicPartition, int]:
        """Ask the store until it answers: partitions are kept meanwhile, and nobody else could do more for them."""
        delays = Backoff()
        while True:
            try:
                found: Mapping[TopicPartition, int] = await self.app.source.checkpoints()
            except StoreUnavailableError as error:
                delay = delays.next()
                logger.warning("%s: no checkpoints, next attempt in %.2f s: %s", self.app.conf.id, delay, error)
                await asyncio.sleep(delay)
            else:
                return found

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Do nothing: Faust would call every partition without news a stalled one."""


class Transport(aiokafka.Transport):  # type: ignore[misc]  # Faust is untyped here
    """The transport of scheme `kafkabatch`; Faust's own producer stands idle in it, and connects to nothing."""

    Consumer: ClassVar[type[Consumer]] = Consumer
    Producer: ClassVar[type[Any]] = base.Producer
