"""Counts the dead letters of each projection that nobody has tried again yet (`murmur dlq retry`).

The topic is read in a thread, from its beginning and then as it grows: on servers reads wait for the network. Memory is
bounded: of a projection MOST_COUNTED letters are known, which is more than anybody reads.
"""

from __future__ import annotations

import logging
import time
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Protocol

import apsw

from infra.log.port import LogError, TopicPartition
from infra.trouble import TroubleError
from schemas.catalogue import DEAD_LETTERS
from schemas.codec import DecodeError, decode
from schemas.operations.events import DeadLettered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from infra.log.port import Batch

LOOK_SECONDS = 1.0
READ_RECORDS = 500
MOST_COUNTED = 1_000
GOODBYE_SECONDS = 0.5  # a file is read in a moment; for a broker that is away nobody waits who wants to stop

log = logging.getLogger(__name__)


class LetterLog(Protocol):
    """What is read of a log."""

    def partitions(self, topic: str) -> int:
        """Return the number of partitions of a topic."""

    def first_offset(self, topic: str, partition: int) -> int:
        """Return the offset of the oldest record that is there."""

    def read(self, topic: str, partition: int, offset: int, max_records: int) -> Batch | None:
        """Return records from an offset on, or None at the end."""

    def close(self) -> None:
        """Let go of it."""


class DeadLetters:
    """The letters of all projections; `source` gives the log (another one: it was replaced), None: it is not there."""

    def __init__(self, source: Callable[[], LetterLog | None]) -> None:
        self._source = source
        self._looking: Thread | None = None
        self._closed = Event()
        self._letting_go = Lock()
        self._looked_at = float("-inf")
        self._log: LetterLog | None = None
        self._next: dict[int, int] = {}
        self._found: dict[str, list[TopicPartitionOffset]] | None = None

    def waiting(self, projection: str, applied: Mapping[TopicPartition, int]) -> int | None:
        """Return how many letters of a projection wait, MOST_COUNTED at most; None where nobody has counted yet.

        `applied` are the projection's checkpoints: those of the letters themselves say which were tried again.
        """
        self._look()
        if self._found is None:
            return None
        return sum(offset >= applied.get(place, 0) for place, offset in self._found.get(projection, ()))

    def _look(self) -> None:
        now = time.monotonic()
        idle = self._looking is None or not self._looking.is_alive()
        if idle and not self._closed.is_set() and now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            self._looking = Thread(target=self._read_and_let_go, name="letters", daemon=True)
            self._looking.start()

    def _read_and_let_go(self) -> None:
        self._read()
        if self._closed.is_set():
            self._let_go()

    def _read(self) -> None:
        try:
            reader = self._source()
            if reader is not self._log or self._found is None:
                self._log, self._next, self._found = reader, {}, {}
            if reader is not None:
                for partition in range(reader.partitions(DEAD_LETTERS)):
                    self._read_partition(reader, partition, self._found)
        except (LogError, TroubleError, apsw.Error) as error:
            log.debug("dead letters cannot be counted now: %s", error)  # whoever asks for lag is told of the log
            self._log = None  # counted anew once it can be read: what was not read may be gone by then

    def _read_partition(self, reader: LetterLog, partition: int, found: dict[str, list[TopicPartitionOffset]]) -> None:
        place = TopicPartition(DEAD_LETTERS, partition)
        at = self._next.get(partition)
        at = reader.first_offset(*place) if at is None else at
        while (batch := reader.read(*place, at, READ_RECORDS)) is not None:
            for offset, value in enumerate(batch.values, batch.base_offset):
                known = found.setdefault(_projection(value), [])
                if len(known) < MOST_COUNTED:
                    known.append((place, offset))
            at = batch.next_offset
        self._next[partition] = at

    def close(self) -> None:
        """Read no more; what is being read just now is let go of when its answer comes."""
        self._closed.set()
        if self._looking is not None:
            self._looking.join(GOODBYE_SECONDS)
        if self._looking is None or not self._looking.is_alive():
            self._let_go()

    def _let_go(self) -> None:
        with self._letting_go:
            if self._log is not None:
                self._log.close()
            self._log = None


TopicPartitionOffset = tuple[TopicPartition, int]


def _projection(value: bytes) -> str:
    """Return whose letter it is; empty for what is none."""
    try:
        event = decode(value)
    except DecodeError:
        return ""
    return event.projection if isinstance(event, DeadLettered) else ""
