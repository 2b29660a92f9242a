"""The log on Kafka as the journal of the cluster uses it: appends, ends of partitions, and whether a record is there.

Guarantee:  `find` sees every record whose append was acknowledged, and every other that had reached the log by then
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from infra import bridge
from infra.log import kafka_topics
from infra.log.kafka import KafkaEventLog
from infra.log.partitioner import partition_of
from infra.log.port import LogUnavailableError, Position, Record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from infra.log.kafka_topics import Durability

PROBES = "probes"
"""A topic of the journal's own: what proves that the log takes a record. Nobody reads it; it keeps a day."""

_FETCH_SECONDS = 0.2


class FactsLog:
    """One a process. `prefix` stands before the names of topics, for those who share a Kafka."""

    def __init__(self, bootstrap: str, durability: Durability, *, prefix: str = "") -> None:
        self._bootstrap = bootstrap
        self._prefix = prefix
        kafka_topics.ensure(bootstrap, {prefix + PROBES: 1}, kafka_topics.Durability(*_copies(durability), 1))
        self._log = KafkaEventLog(bootstrap)
        self._admin = AdminClient(kafka_topics.client_config(bootstrap))
        self._partitions = self._log.partitions
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="leaders")
        self._learning: Future[None] | None = None

    @property
    def fatal(self) -> str | None:
        """Why this process can append no more, if so: it has to be started anew."""
        return self._log.fatal

    async def append(self, records: Sequence[Record]) -> list[Position]:
        """Append; see KafkaEventLog."""
        if not self._prefix:
            return await self._log.append(records)
        there = await self._log.append([record._replace(topic=self._prefix + record.topic) for record in records])
        return [position._replace(topic=position.topic.removeprefix(self._prefix)) for position in there]

    def check(self, records: Sequence[Record]) -> None:
        """Raise KeyError or ValueError where a record cannot be stored."""
        self._log.check([record._replace(topic=self._prefix + record.topic) for record in records])

    async def probe(self) -> None:
        """Prove that the log takes a record; raises LogUnavailableError."""
        await self.append([Record(PROBES, 0, b"")])

    def ends(self, topic: str, key: int | None) -> list[Position]:
        """Return the last position of the partition of `key` (None: of every partition) that has any record."""
        count = self._partitions[self._prefix + topic]
        partitions = range(count) if key is None else (partition_of(key, count),)
        asked = [KafkaPartition(self._prefix + topic, partition) for partition in partitions]
        try:
            ends = self._asked(asked)
        except KafkaException:
            self._learn_leaders()
            try:
                ends = self._asked(asked)
            except KafkaException as error:
                raise LogUnavailableError(f"Kafka tells no ends: {error.args[0].str()}") from error
        return [Position(topic, partition, end - 1) for partition, end in sorted(ends) if end]

    def _asked(self, partitions: Sequence[KafkaPartition]) -> list[tuple[int, int]]:
        asked = dict.fromkeys(partitions, OffsetSpec.latest())
        answers = self._admin.list_offsets(asked, request_timeout=kafka_topics.ANSWER_SECONDS)
        return [(where.partition, bridge.wait(answer).offset) for where, answer in answers.items()]

    def _learn_leaders(self) -> None:
        """Ask once for all who wait; in a thread, as that call blocks."""
        if self._learning is None or self._learning.done():
            self._learning = self._thread.submit(kafka_topics.learn_leaders, self._admin, self._bootstrap)
        bridge.wait(self._learning)

    async def find(self, records: Sequence[Record], since_ms: int) -> list[Position | None]:
        """Return where the records stand, looking from that time on: None for those that are not on the log."""
        return await asyncio.to_thread(self._find, records, since_ms)

    def _find(self, records: Sequence[Record], since_ms: int) -> list[Position | None]:
        wanted: dict[tuple[str, int], dict[bytes, Position]] = {}
        places = [(it.topic, partition_of(it.key, self._partitions[self._prefix + it.topic])) for it in records]
        for place, record in zip(places, records, strict=True):
            wanted.setdefault(place, {})[record.value] = Position(*place, -1)
        own = {"group.id": "murmuration-journal", "enable.auto.commit": False, "auto.offset.reset": "error"}
        consumer = Consumer(kafka_topics.client_config(self._bootstrap, own))
        try:
            with contextlib.closing(consumer):
                for place, values in wanted.items():
                    self._look(consumer, place, values, since_ms)
        except KafkaException as error:
            raise LogUnavailableError(f"the log cannot be read: {error.args[0].str()}") from error
        found = [wanted[place][record.value] for place, record in zip(places, records, strict=True)]
        return [None if position.offset < 0 else position for position in found]

    def _look(self, consumer: Consumer, place: tuple[str, int], values: dict[bytes, Position], since_ms: int) -> None:
        topic, partition = self._prefix + place[0], place[1]
        seconds = kafka_topics.ANSWER_SECONDS
        [start] = consumer.offsets_for_times([KafkaPartition(topic, partition, since_ms)], timeout=seconds)
        _, end = consumer.get_watermark_offsets(KafkaPartition(topic, partition), timeout=seconds)
        if start.offset < 0 or start.offset >= end:
            return  # nothing was appended since
        consumer.assign([KafkaPartition(topic, partition, start.offset)])
        at, until = start.offset, time.monotonic() + seconds
        while at < end:
            if time.monotonic() > until:
                raise LogUnavailableError(f"{topic}/{partition}: nothing came for offset {at}")
            for message in consumer.consume(1000, _FETCH_SECONDS):
                if message.error():
                    raise KafkaException(message.error())
                at = message.offset() + 1
                value = message.value()
                if value in values and values[value].offset < 0:
                    values[value] = Position(*place, message.offset())
        consumer.unassign()

    def close(self) -> None:
        """Deliver what was handed in, and stop."""
        self._log.close()
        self._thread.shutdown()


def _copies(durability: Durability) -> tuple[int, int]:
    return durability.replication, durability.min_insync
