"""What an import writes to, and how it is told how far an earlier run came: one ledger for each profile.

Guarantee: what a ledger says is done is durable, with its names claimed; a process that is killed at any moment goes on
from there. Of what came after, nothing is on the log (embedded) or some is, and is appended again (cluster).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from commands.imports.errors import ImportConflictError
from schemas.envelope import Envelope
from schemas.operations.events import ImportAdvanced

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from infra.journal.port import Claim
    from schemas.envelope import Event


@dataclass(frozen=True, slots=True)
class Source:
    """What is imported: the format, the file's content (its digest), and what else decides which events come out."""

    format: str
    digest: str
    limit: int | None
    active: bool

    @property
    def name(self) -> str:
        """Return the source as it stands in the log."""
        return f"{self.file}:limit={self.limit or 'none'}:{'active' if self.active else 'inactive'}"

    @property
    def file(self) -> str:
        """Return the part of the name that the same file has with other options."""
        return f"{self.format}:{self.digest}"

    @property
    def key(self) -> int:
        """Return a 63-bit hash of the name."""
        return int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:8]) >> 1


class Chunk(NamedTuple):
    """The events of the steps from `before` up to, not including, `after`, and the names that they take."""

    before: int
    after: int
    events: Sequence[Event]
    claims: Sequence[Claim]

    def advanced(self, source: Source) -> ImportAdvanced:
        """Return the event that says that the chunk is on the log; its id is that of the chunk's last event."""
        last = self.events[-1].envelope
        envelope = Envelope(last.event_id, last.occurred_at_ms, 0)
        return ImportAdvanced(envelope, source_key=source.key, source=source.name, steps=self.after)


class Ledger(Protocol):
    """Takes the chunks of one source, in order; its calls block."""

    def steps_done(self) -> int:
        """Return how many steps are done; raises ImportConflictError where the file was imported in another way."""

    def append(self, chunk: Chunk) -> int:
        """Take a chunk; return how many steps are done by now, which may be fewer than were taken.

        Raises ImportConflictError where a name is held by another, LogUnavailableError; then the chunk is not done.
        """

    def settle(self) -> int:
        """Return how many steps are done, when all that was taken is."""

    def close(self) -> None:
        """Let go of the log."""


def check_options(source: Source, imported: Iterable[str]) -> None:
    """Raise ImportConflictError where one of the sources imported before is the same file with other options."""
    for name in imported:
        if name != source.name and name.startswith(f"{source.file}:"):
            options = name.removeprefix(f"{source.file}:")
            raise ImportConflictError(f"this file was loaded before with other options ({options})")
