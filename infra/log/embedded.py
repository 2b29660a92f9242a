"""The embedded log as a whole: facts in one file, derived topics in another.

Commands write most facts, streams the derived topics and what became of uploads: several processes may append to a
file, as offsets are given under SQLite's write lock; they wait for each other.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from infra.log.doorbell import Doorbell
from infra.log.group_commit import GroupCommitLog
from infra.log.sqlite import create
from infra.log.sqlite_reader import SqliteLogReader
from schemas.catalogue import DERIVED_TOPICS, FACT_TOPICS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from infra.log.port import Batch, Stamped, TopicPartition

Part = Literal["facts", "derived"]
PARTS: dict[Part, tuple[str, ...]] = {"facts": FACT_TOPICS, "derived": DERIVED_TOPICS}
DEFAULT_PARTITIONS = 8


def path_of(folder: Path, part: Part) -> Path:
    """Return the file of one part of the log."""
    return folder / f"{part}.db"


def _counts(part: Part, partitions: Mapping[str, int]) -> dict[str, int]:
    return {topic: partitions.get(topic, DEFAULT_PARTITIONS) for topic in PARTS[part]}


def ensure(folder: Path, partitions: Mapping[str, int]) -> None:
    """Create the files and topics that are missing."""
    for part in PARTS:
        create(path_of(folder, part), _counts(part, partitions)).close()


def open_appender(folder: Path, part: Part, partitions: Mapping[str, int], schema: str = "") -> GroupCommitLog:
    """Open one part for appending; `schema` adds tables that guards keep in the same file."""
    return GroupCommitLog(path_of(folder, part), _counts(part, partitions), schema)


class EmbeddedLogReader:
    """Reads all topics of both files (LogReader)."""

    def __init__(self, folder: Path) -> None:
        readers = [SqliteLogReader(path_of(folder, part)) for part in PARTS]
        self._readers = {topic: reader for reader in readers for topic in reader.topics}
        self.log_id = readers[0].log_id

    def partitions(self, topic: str) -> int:
        """Return the number of partitions of a topic."""
        return self._readers[topic].partitions(topic)

    def read(self, topic: str, partition: int, offset: int, max_records: int) -> Batch | None:
        """Return up to `max_records` records from `offset` on, or None at the end; checksums are verified."""
        return self._readers[topic].read(topic, partition, offset, max_records)

    def read_stamped(self, topic: str, partition: int, offset: int, max_records: int) -> Stamped | None:
        """Read as `read` does, and tell when the records were appended."""
        return self._readers[topic].read_stamped(topic, partition, offset, max_records)

    def identity(self, topic: str) -> str:
        """Return a name for a topic as it was once made: that of its file."""
        return self._readers[topic].log_id

    def first_offset(self, topic: str, partition: int) -> int:
        """Return the first offset kept."""
        return self._readers[topic].first_offset(topic, partition)

    def end_offsets(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        """Return, for each partition of the topics, the offset that the next record will get."""
        by_reader: dict[SqliteLogReader, list[str]] = {}
        for topic in topics:
            by_reader.setdefault(self._readers[topic], []).append(topic)
        return {key: end for reader, names in by_reader.items() for key, end in reader.end_offsets(names).items()}

    def appended_at_ms(self, topic: str, partition: int, offset: int) -> int:
        """Return when a record was appended, unix milliseconds."""
        return self._readers[topic].appended_at_ms(topic, partition, offset)

    def close(self) -> None:
        """Close both files."""
        for reader in set(self._readers.values()):
            reader.close()


class EmbeddedLogTail:
    """Tells when either file has grown; made inside a running event loop."""

    def __init__(self, folder: Path) -> None:
        self._bells: list[Doorbell] = []
        try:
            for part in PARTS:
                self._bells.append(Doorbell(path_of(folder, part)))
        except OSError:
            self.close()
            raise

    async def wait(self, timeout: float) -> None:  # noqa: ASYNC109 - a bound per wait is the contract
        """Return when something was appended, or after `timeout` seconds."""
        waiters = [bell.expect() for bell in self._bells]
        try:
            rung, _ = await asyncio.wait(waiters, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if not rung:
                for bell in self._bells:
                    bell.mend()
        finally:
            for bell, waiter in zip(self._bells, waiters, strict=True):
                bell.forget(waiter)

    def close(self) -> None:
        """Stop listening."""
        for bell in self._bells:
            bell.close()
