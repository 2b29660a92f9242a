"""Reads the log on Kafka without a consumer group: for replay, for verification, and for how far a projection is.

Streams read through Faust instead (streams.transports.kafkabatch). Here one partition is read at a time, from where
the caller says; reading on where the last read ended takes what was fetched ahead, any other place begins anew.
Kafka's clients check each batch against its CRC-32C.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from infra.log import kafka_topics
from infra.log.partitioner import keys_of
from infra.log.port import (
    Batch,
    Header,
    LogCorruptError,
    LogUnavailableError,
    OffsetOutOfRangeError,
    Stamped,
    TopicPartition,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from confluent_kafka import Message

_FETCHED_AHEAD_KB = 16_384
_FETCH_WAIT_MS = 10  # a fetch at the end of one partition, which is bound to wait, holds up the next partition
_FETCH_SECONDS = 0.5  # one look; a record that is there comes in milliseconds
_OUT_OF_RANGE = (KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET)  # noqa: SLF001 - Kafka's own name
_CORRUPT = (KafkaError._BAD_MSG, KafkaError.INVALID_MSG)  # noqa: SLF001 - Kafka's own name
_LOOK_SECONDS = 0.05


class _Place(NamedTuple):
    """Where the consumer stands: the record that it will give next."""

    topic: str
    partition: int
    offset: int

    @property
    def key(self) -> TopicPartition:
        return TopicPartition(self.topic, self.partition)


class KafkaLogReader:
    """Reads all topics of a cluster (LogReader). Not thread-safe: one reader a thread; its calls block."""

    def __init__(self, bootstrap: str, topics: Sequence[str]) -> None:
        self._admin = AdminClient(kafka_topics.client_config(bootstrap))
        self._bootstrap = bootstrap
        self._partitions = kafka_topics.Partitions(self._admin, bootstrap)
        self.log_id = self.log_id_of(topics)
        own = {
            "group.id": "murmuration-reader",  # asked for by the client; nothing is ever committed
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "queued.max.messages.kbytes": _FETCHED_AHEAD_KB,
            "check.crcs": True,
            "fetch.wait.max.ms": _FETCH_WAIT_MS,
        }
        self._consumer = Consumer(kafka_topics.client_config(bootstrap, own))
        self._place: _Place | None = None
        self._ends: dict[TopicPartition, int] = {}

    def log_id_of(self, topics: Sequence[str]) -> str:
        """Return a name for these topics: it changes when one of them is deleted and made again."""
        return kafka_topics.log_id(self._admin, topics, self._bootstrap)

    def identity(self, topic: str) -> str:
        """Return a name for a topic as it was once made."""
        return self.log_id_of((topic,))

    def partitions(self, topic: str) -> int:
        """Return the number of partitions of a topic."""
        return self._partitions[topic]

    def read(self, topic: str, partition: int, offset: int, max_records: int) -> Batch | None:
        """Return up to `max_records` records from `offset` on, or None at the end.

        Offsets without a record (compaction) are passed over: the batch then begins later, and it ends at the next
        gap. Raises OffsetOutOfRangeError, LogCorruptError, or LogUnavailableError where no broker answers.
        """
        messages = self._messages(topic, partition, offset, max_records)
        return _batch(messages) if messages else None

    def read_stamped(self, topic: str, partition: int, offset: int, max_records: int) -> Stamped | None:
        """Read as `read` does, and tell when the records were appended, by the broker's clock, and their headers."""
        messages = self._messages(topic, partition, offset, max_records)
        if not messages:
            return None
        headers = [
            Header(at, name, value) for at, message in enumerate(messages) for name, value in message.headers() or ()
        ]
        return Stamped(_batch(messages), [message.timestamp()[1] for message in messages], headers)

    def _messages(self, topic: str, partition: int, offset: int, max_records: int) -> list[Message]:
        """Return the records of a batch: up to the next offset that has none."""
        end = min(offset + max_records, self._end(topic, partition, offset))
        messages = self._fetch(_Place(topic, partition, offset), end) if offset < end else []
        base = messages[0].offset() if messages else offset
        whole = next((at for at, message in enumerate(messages) if message.offset() != base + at), len(messages))
        if whole < len(messages):
            self._place = None  # what lies behind the gap is fetched again
        return messages[:whole]

    def _end(self, topic: str, partition: int, offset: int) -> int:
        """Return the end of the partition, asked for only where what was last heard does not reach."""
        key = self._checked(topic, partition)
        if offset >= self._ends.get(key, 0):
            first, end = kafka_topics.bounds(self._consumer, key)
            if not first <= offset <= end:
                raise OffsetOutOfRangeError(f"{topic}/{partition}: offset {offset} is not in {first} to {end}")
            self._ends[key] = end
        elif offset < 0:
            raise OffsetOutOfRangeError(f"{topic}/{partition}: {offset} is no offset")
        return self._ends[key]

    def _checked(self, topic: str, partition: int) -> TopicPartition:
        count = self._partitions[topic]
        if not 0 <= partition < count:
            raise IndexError(f"{topic} has partitions 0 to {count - 1}, not {partition}")
        return TopicPartition(topic, partition)

    def _fetch(self, place: _Place, end: int) -> list[Message]:
        """Return the records from `place` up to, not including, `end`; as many as come, at least one if there is."""
        if self._place != place:
            self._consumer.assign([KafkaPartition(*place)])
        self._place = None  # until all went well
        messages: list[Message] = []
        until = time.monotonic() + kafka_topics.ANSWER_SECONDS
        wanted, at_end = end - place.offset, False
        while len(messages) < wanted and not at_end:
            for message in self._consumer.consume(wanted - len(messages), _FETCH_SECONDS):
                if error := message.error():
                    _check_is_end(error, place)
                    at_end = True
                else:
                    messages.append(message)
            if not messages and time.monotonic() > until:
                raise LogUnavailableError(f"{place.topic}/{place.partition}: nothing came for offset {place.offset}")
        if messages and messages[-1].offset() + 1 < self._ends[place.key]:
            self._place = place._replace(offset=messages[-1].offset() + 1)
        else:
            self._consumer.unassign()  # else it would ask for more, every few milliseconds
        return messages

    def first_offset(self, topic: str, partition: int) -> int:
        """Return the first offset kept: 0 unless retention has cut the partition."""
        return kafka_topics.bounds(self._consumer, self._checked(topic, partition))[0]

    def end_offsets(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        """Return, for each partition of the topics, the offset that the next record will get: one question for all."""
        return self._offsets(topics, OffsetSpec.latest())

    def first_offsets(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        """Return, for each partition of the topics, the first offset kept: one question for all."""
        return self._offsets(topics, OffsetSpec.earliest())

    def _offsets(self, topics: Sequence[str], spec: OffsetSpec) -> dict[TopicPartition, int]:
        asked = {
            KafkaPartition(topic, partition): spec for topic in topics for partition in range(self._partitions[topic])
        }
        until = time.monotonic() + kafka_topics.ANSWER_SECONDS
        while True:
            answers = self._admin.list_offsets(asked, request_timeout=kafka_topics.ANSWER_SECONDS) if asked else {}
            try:
                return {TopicPartition(key.topic, key.partition): it.result().offset for key, it in answers.items()}
            except KafkaException as error:
                if time.monotonic() > until:
                    raise LogUnavailableError(f"no Kafka broker answers: {error.args[0].str()}") from error
                kafka_topics.learn_leaders(self._admin, self._bootstrap)
                time.sleep(_LOOK_SECONDS)  # Kafka tells nobody when a leader has taken over

    def appended_at_ms(self, topic: str, partition: int, offset: int) -> int:
        """Return when a record was appended, unix milliseconds by the broker's clock."""
        self._end(topic, partition, offset)
        [message] = self._fetch(_Place(topic, partition, offset), offset + 1)
        at_ms: int = message.timestamp()[1]
        return at_ms

    def close(self) -> None:
        """Leave the cluster."""
        self._consumer.close()


def _batch(messages: Sequence[Message]) -> Batch:
    keys = keys_of([message.key() for message in messages])
    values = [message.value() or b"" for message in messages]
    return Batch(messages[0].topic(), messages[0].partition(), messages[0].offset(), keys, values)


def _check_is_end(error: KafkaError, place: _Place) -> None:
    """Return where the error only says that the partition ends; raise what any other one means."""
    if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - Kafka's own name
        return
    where = f"{place.topic}/{place.partition} offset {place.offset}"
    if error.code() in _OUT_OF_RANGE:
        raise OffsetOutOfRangeError(f"{where}: {error.str()}")
    if error.code() in _CORRUPT:
        raise LogCorruptError(f"{where}: {error.str()}")
    raise LogUnavailableError(f"{where}: {error.str()}")
