"""The event log as everything else sees it: appended to once, read for ever.

A log has topics, a topic has partitions, a partition has records at offsets 0, 1, 2 … without gaps. Records of one
key are in one partition, in the order in which they were appended; there is no order between partitions.
Source of the model: Kafka. Adapters: `infra.log.embedded` (SQLite files), `infra.log.kafka` (a cluster).

What an append promises when it fails is the one thing in which the two differ:

  at fault itself (unknown topic, impossible key)   nothing of it is on the log
  LogUnavailableError, embedded                     nothing of it is readable (but see there)
  LogUnavailableError, Kafka                        nobody can tell: some records may be on the log, or get there

So whoever hears LogUnavailableError repeats the append with the same event ids; projections apply an event once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class TopicPartition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


class Position(NamedTuple):
    """Where a record stands: its offset in its partition, counted from 0."""

    topic: str
    partition: int
    offset: int


class Record(NamedTuple):
    """What is appended: `key` is the id of the entity (63 bits), `value` an encoded event (see schemas.codec)."""

    topic: str
    key: int
    value: bytes


class Batch(NamedTuple):
    """Consecutive records of one partition: `values[i]` and `keys[i]` stand at offset `base_offset + i`."""

    topic: str
    partition: int
    base_offset: int
    keys: list[int]
    values: list[bytes]

    @property
    def next_offset(self) -> int:
        """Return the offset after the last record."""
        return self.base_offset + len(self.values)


class Header(NamedTuple):
    """A header of Kafka: `record` counts from the beginning of its batch."""

    record: int
    name: str
    value: bytes | None


class Stamped(NamedTuple):
    """A batch, when each of its records was appended (unix milliseconds), and the headers that there are."""

    batch: Batch
    appended_ms: list[int]
    headers: Sequence[Header] = ()


class Span(NamedTuple):
    """The records of one partition from `start` up to, not including, `end`."""

    topic: str
    partition: int
    start: int
    end: int


class LogError(Exception):
    """Base of what a log raises.

    LogError
    ├── LogCorruptError      bytes on disk do not match their checksum
    ├── LogUnavailableError  the append is not known to be durable (disk full, no broker, closed): repeat it
    └── OffsetOutOfRangeError  a reader asked for an offset beyond the end, or before the first one kept
    """


class LogCorruptError(LogError):
    """The stored bytes do not match their checksum; the message names topic, partition and offset."""


class LogUnavailableError(LogError):
    """The append is not known to be durable: repeat it with an idempotency key, never blindly.

    Embedded: nothing of it is readable. If the disk failed in the sync itself, and the process dies before a later
    append succeeds, the records may be found on the log after all.
    Kafka: each of its records may be on the log, or get there while the producer still tries; see infra.log.kafka.
    A read raises it where no broker answers.
    """


class OffsetOutOfRangeError(LogError):
    """The offset is beyond the end of the partition or before the first record kept."""


class LogReader(Protocol):
    """Reads a log; any number of readers in any number of processes."""

    @property
    def log_id(self) -> str:
        """A name given when the log was created: a checkpoint of another log must be refused."""

    def partitions(self, topic: str) -> int:
        """Return the number of partitions of a topic."""

    def read(self, topic: str, partition: int, offset: int, max_records: int) -> Batch | None:
        """Return up to `max_records` records from `offset` on, or None at the end; checksums are verified."""

    def end_offsets(self, topics: Sequence[str]) -> Mapping[TopicPartition, int]:
        """Return, for each partition of the topics, the offset that the next record will get."""


class EventLog(Protocol):
    """Appends to a log."""

    async def append(self, records: Sequence[Record]) -> list[Position]:
        """Append all records; returns when all are durable, their positions in the order given.

        Embedded: all or none, in one transaction, fsynced. Kafka: each is on min.insync.replicas brokers, or
        LogUnavailableError is raised, and then some may be. Records that are at fault themselves (KeyError,
        ValueError) are found before anything is written, in both.
        """
