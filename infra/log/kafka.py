"""Appends to the log on Kafka: an idempotent producer, acks=all, deliveries awaited without a thread per request.

One thread polls for delivery reports; what arrives together wakes the event loop once. Nothing waits for a batch to
fill (linger 0): while one request is on its way, the next one gathers.

Guarantee:  when `append` returns, every record is on as many brokers as min.insync.replicas says; records of one key
            stand in the order of their appends, also when the producer had to repeat itself
Failure:    LogUnavailableError says for each record that nobody can tell: it may be on the log, or get there within
            the delivery time. Kafka's transactions are not leaned on, so some records of an append may be on the log
            while others are not. A repeat with the same event ids is what makes it whole: projections are idempotent.
            A record that is at fault (unknown topic, key or value out of bounds) is found before any of its append
            is sent, and an append that finds the queue full sends nothing either.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException, Producer

from infra.log.kafka_topics import MAX_RECORD_BYTES, Partitions, client_config
from infra.log.partitioner import key_bytes, partition_of
from infra.log.port import LogUnavailableError, Position

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from confluent_kafka import Message

    from infra.log.port import Record

logger = logging.getLogger(__name__)

DELIVERY_SECONDS = 10.0
"""As long as a request of the command API may take; the worst delivery seen when one of three brokers died."""

MAX_QUEUED = 100_000  # records: some 30 MB, and 10 s of what one process can be asked for
MAX_KEY = (1 << 63) - 1
MAX_VALUE_BYTES = MAX_RECORD_BYTES - 1_000  # Kafka counts the batch's header, the key and their lengths too
_POLL_SECONDS = 0.1  # how soon `close` is noticed; a delivery report ends a poll at once


class KafkaEventLog:
    """One process's way to the log (EventLog). Appends come from one event loop; one instance a process."""

    def __init__(
        self, bootstrap: str, *, delivery_seconds: float = DELIVERY_SECONDS, max_queued: int = MAX_QUEUED
    ) -> None:
        self._max_queued = max_queued
        self._delivery_seconds = delivery_seconds
        self._fatal: str | None = None
        own = {
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 0,
            "message.max.bytes": MAX_RECORD_BYTES,
            "delivery.timeout.ms": int(delivery_seconds * 1_000),
            "queue.buffering.max.messages": max_queued,
            "error_cb": self._on_error,
        }
        self._producer = Producer(client_config(bootstrap, own))
        self.partitions = Partitions(self._producer, bootstrap)
        self._answered: dict[asyncio.AbstractEventLoop, list[_Append]] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kafka-deliveries", daemon=True)
        self._thread.start()

    @property
    def fatal(self) -> str | None:
        """Why this producer will never deliver again, if so: its process has to be started anew."""
        return self._fatal

    async def append(self, records: Sequence[Record]) -> list[Position]:
        """Append all records; return their positions when they are durable.

        Raises LogUnavailableError where one was not delivered in time, and then nothing is known of any; KeyError for
        an unknown topic and ValueError for a record that cannot be stored, and then nothing is sent.
        """
        if not records:
            return []
        partitions = [self._partition(record) for record in records]
        if self._closing.is_set():
            raise LogUnavailableError("the log is closed")
        if len(self._producer) + len(records) > self._max_queued:
            raise LogUnavailableError(f"{self._max_queued} records wait for Kafka; nothing of this append was sent")
        append = _Append(len(records), self._complete)
        for at, (record, partition) in enumerate(zip(records, partitions, strict=True)):
            self._send(record, partition, partial(append.delivered, at))
        return await append.waiter

    def check(self, records: Sequence[Record]) -> None:
        """Raise KeyError or ValueError where a record cannot be stored, as `append` would."""
        for record in records:
            self._partition(record)

    def _partition(self, record: Record) -> int:
        if not 0 <= record.key <= MAX_KEY:
            raise ValueError(f"{record.key} is no key: keys have 63 bits")
        if len(record.value) > MAX_VALUE_BYTES:
            raise ValueError(f"a value of {len(record.value)} bytes is too large: {MAX_VALUE_BYTES} at most")
        return partition_of(record.key, self.partitions[record.topic])

    def _send(self, record: Record, partition: int, on_delivery: Callable[[Any, Message], None]) -> None:
        try:
            self._producer.produce(
                record.topic, record.value, key_bytes(record.key), partition, on_delivery=on_delivery
            )
        except (BufferError, KafkaException) as error:
            raise LogUnavailableError(f"Kafka's client takes no records: {error}") from error

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal() and self._fatal is None:
            self._fatal = error.str()
            logger.critical("the Kafka producer cannot go on, this process must be started anew: %s", error.str())

    def _run(self) -> None:
        while not self._closing.is_set():
            self._poll()
        until = time.monotonic() + self._delivery_seconds
        while len(self._producer) and time.monotonic() < until:
            self._poll()
        self._producer.purge()  # what the broker did not take in time; whoever waits for it is told so
        self._poll(0)

    def _poll(self, seconds: float = _POLL_SECONDS) -> None:
        """Take the delivery reports that have come, then wake each event loop once."""
        try:
            self._producer.poll(seconds)
        except KafkaException as error:  # how the client tells that it has failed for good, if not by its callback
            self._on_error(error.args[0])
        answered, self._answered = self._answered, {}
        for loop, appends in answered.items():
            with contextlib.suppress(RuntimeError):  # the loop is closed, and whoever waited in it is gone
                loop.call_soon_threadsafe(_answer, appends)

    def _complete(self, append: _Append) -> None:
        self._answered.setdefault(append.loop, []).append(append)

    def close(self) -> None:
        """Deliver what was handed in, as far as that succeeds within the delivery time, and stop."""
        self._closing.set()
        self._thread.join()


class _Append:
    """What one call of `append` waits for; everything but its making happens in the polling thread."""

    __slots__ = ("_complete", "_error", "_left", "_positions", "loop", "waiter")

    def __init__(self, records: int, complete: Callable[[_Append], None]) -> None:
        self.loop = asyncio.get_running_loop()
        self.waiter: asyncio.Future[list[Position]] = self.loop.create_future()
        self._complete = complete
        self._left = records
        self._positions: list[Position | None] = [None] * records
        self._error: KafkaError | None = None

    def delivered(self, at: int, error: KafkaError | None, message: Message) -> None:
        """Note what became of record `at`."""
        if error is not None:
            self._error = error
        else:
            self._positions[at] = Position(message.topic(), message.partition(), message.offset())
        self._left -= 1
        if not self._left:
            self._complete(self)

    def answer(self) -> None:
        """Tell the one who waits, in its own event loop."""
        if self.waiter.done():
            return  # its request was cancelled; what was appended stays appended
        if self._error is None:
            self.waiter.set_result([position for position in self._positions if position is not None])
        else:
            self.waiter.set_exception(LogUnavailableError(f"not delivered, or nobody knows: {self._error.str()}"))


def _answer(appends: Sequence[_Append]) -> None:
    for append in appends:
        append.answer()
