"""The end of the log on Kafka, read as it grows: all partitions of some topics, without a group, in a thread.

Nothing is committed: each process that follows the log reads all of it from where it says. The client's thread is asked
again when what it gave was dealt with, so that no more than RECORDS_PER_READ and what it fetched ahead is in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, KafkaError
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient

from infra.json_logs import FIELDS
from infra.log import kafka_topics
from infra.log.partitioner import keys_of
from infra.log.port import Batch, LogUnavailableError, OffsetOutOfRangeError, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from confluent_kafka import Message

RECORDS_PER_READ = 500
WAIT_S = 0.25  # for a record; then the thread looks whether it is to end
_FETCHED_AHEAD_KB = 8_192
_OUT_OF_RANGE = (KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET)  # noqa: SLF001 - Kafka's own name
_SILENT_S = 10.0  # between two lines about a broker that does not answer

log = logging.getLogger(__name__)


class KafkaTail:
    """Reads what is appended to some topics."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tail")
        self._consumer: Consumer | None = None
        self._ends: dict[TopicPartition, int] = {}
        self._closing = False
        self._told_at = float("-inf")
        self.log_id = ""

    async def begin(self, topics: Sequence[str], records: int) -> Mapping[TopicPartition, int]:
        """Begin so many records before the end of each partition; return where. Raises LogUnavailableError."""
        found: Mapping[TopicPartition, int] = await self._run(self._begin, topics, records)
        return found

    def ends(self) -> Mapping[TopicPartition, int]:
        """Return the ends of the log as they were when it began."""
        return self._ends

    async def more(self) -> Sequence[Batch]:
        """Wait for what was appended since, and return it; each partition in its order.

        Raises OffsetOutOfRangeError where retention, or whoever made the topics anew, was quicker.
        """
        while True:
            found: list[Batch] = await self._run(self._read)
            if found:
                return found

    async def _run(self, call: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)

    def _begin(self, topics: Sequence[str], records: int) -> dict[TopicPartition, int]:
        admin = AdminClient(kafka_topics.client_config(self._bootstrap))
        counts = kafka_topics.Partitions(admin, self._bootstrap)
        try:
            self.log_id = kafka_topics.log_id(admin, topics, self._bootstrap)
            places = [TopicPartition(topic, partition) for topic in topics for partition in range(counts[topic])]
        except KeyError as error:
            raise LogUnavailableError(f"there is no topic {error}") from error
        if self._consumer is None:
            self._consumer = Consumer(kafka_topics.client_config(self._bootstrap, _OPTIONS))
        starts = {}
        for place in places:
            first, self._ends[place] = kafka_topics.bounds(self._consumer, place)
            starts[place] = max(first, self._ends[place] - records)
        self._consumer.assign([KafkaPartition(*place, offset) for place, offset in starts.items()])
        return starts

    def _read(self) -> list[Batch]:
        consumer = self._consumer
        if self._closing or consumer is None:
            return []
        first = consumer.poll(WAIT_S)
        if first is None:
            return []
        messages = [first, *consumer.consume(RECORDS_PER_READ - 1, 0)]
        return _batches([message for message in messages if not self._is_error(message)])

    def _is_error(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return False
        if error.code() in _OUT_OF_RANGE:
            raise OffsetOutOfRangeError(error.str())
        if time.monotonic() - self._told_at > _SILENT_S:
            self._told_at = time.monotonic()
            log.warning("the log does not answer", extra={FIELDS: {"error": error.str()}})
        return True

    def close(self) -> None:
        """Leave the cluster."""
        self._closing = True
        if self._consumer is not None:
            with contextlib.suppress(RuntimeError):
                self._thread.submit(self._consumer.close)
        self._thread.shutdown(wait=True)


_OPTIONS = {
    "group.id": "murmuration-tail",  # asked for by the client; nothing is ever committed
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "queued.max.messages.kbytes": _FETCHED_AHEAD_KB,
    "check.crcs": True,
}


def _batches(messages: Iterable[Message]) -> list[Batch]:
    """Return the records, those of a partition together, cut where offsets were left out."""
    by_place = sorted(messages, key=lambda it: (it.topic(), it.partition()))  # stable: each keeps its order
    found = []
    for (topic, partition), group in groupby(by_place, key=lambda it: (it.topic(), it.partition())):
        for _, run in groupby(enumerate(group), key=lambda it: it[1].offset() - it[0]):
            of_run = [message for _, message in run]
            keys = keys_of([message.key() for message in of_run])
            values = [message.value() or b"" for message in of_run]
            found.append(Batch(topic, partition, of_run[0].offset(), keys, values))
    return found
