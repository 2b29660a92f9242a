"""Facts about the system; topics `imports` (key: source_key) and `dead-letters` (key: source partition)."""

from __future__ import annotations

from schemas.envelope import Event


class ImportAdvanced(Event, frozen=True):
    """A bulk import has appended all events of its first `steps` steps; written in the same append as those events.

    `source` names the format and the file's digest; `source_key` is a 63-bit hash of it.
    """

    source_key: int
    source: str
    steps: int


class DeadLettered(Event, frozen=True):
    """A projection could not apply a record and passed it by; `record` is the record's value, byte for byte."""

    projection: str
    topic: str
    partition: int
    offset: int
    reason: str
    record: bytes
