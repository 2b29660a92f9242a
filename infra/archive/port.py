"""What is archived of a log, and what a log has to tell for it.

A segment is an object: some 100,000 consecutive records of one partition, as an Avro container file. An entry is a
small object that names a segment; the entries of a partition are its manifest. They form a chain: each begins where
the one before ends, and knows that one's digest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from infra.log.port import LogError, LogReader

if TYPE_CHECKING:
    from infra.log.port import Stamped

FORMAT = 1


class ArchiveError(LogError):
    """The archive does not hold what it should: a segment or an entry is missing, damaged, or of another log."""


class StampedLog(LogReader, Protocol):
    """A log that can be archived."""

    def first_offset(self, topic: str, partition: int) -> int:
        """Return the first offset kept."""

    def read_stamped(self, topic: str, partition: int, offset: int, max_records: int) -> Stamped | None:
        """Read as `read` does, and tell when the records were appended."""

    def appended_at_ms(self, topic: str, partition: int, offset: int) -> int:
        """Return when a record was appended."""

    def identity(self, topic: str) -> str:
        """Return a name for a topic as it was once made: made anew, it has another one."""

    def close(self) -> None:
        """Close it."""


class RunPlace(msgspec.Struct, frozen=True, array_like=True):
    """Where a run stands in its segment: its first offset, its records, its bytes, and their digest (SHA-256, half)."""

    offset: int
    records: int
    at: int
    bytes: int
    digest: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What the manifest says of a segment; `previous` is the digest of the entry before, empty for the first."""

    format: int = FORMAT
    log: str
    topic: str
    partition: int
    first_offset: int
    last_offset: int
    records: int
    first_ms: int
    last_ms: int
    schema_ids: list[int]
    object: str
    bytes: int
    sha256: str
    previous: str
    runs: list[RunPlace]

    @property
    def end(self) -> int:
        """Return the offset after its last record."""
        return self.last_offset + 1

    @property
    def name(self) -> str:
        """Return what it is called in lines for people."""
        return f"{self.topic}/{self.partition} segment {self.first_offset:,} to {self.last_offset:,}"
