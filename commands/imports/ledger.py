"""How far an import has come: a row in the facts' file, written in the same transaction as the events.

Guarantee: a step's events, claims and progress are durable together or not at all, so a process that is killed at any
moment goes on where it was; two processes that import one file cannot both advance it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commands.imports.errors import ImportConflictError
from infra.journal.embedded import SCHEMA as JOURNAL_SCHEMA
from infra.journal.embedded import CommitGuard
from infra.journal.port import AlreadyClaimedError
from infra.sqlite.connections import rows, scalar

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

    from infra.journal.port import Claim
    from infra.log.port import Position

SCHEMA = (
    JOURNAL_SCHEMA
    + """
CREATE TABLE IF NOT EXISTS imports (source_key INTEGER PRIMARY KEY, source TEXT NOT NULL, steps INTEGER NOT NULL);
"""
)
_STEPS = "SELECT steps FROM imports WHERE source_key = ?"


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
        return f"{self.format}:{self.digest}:limit={self.limit or 'none'}:{'active' if self.active else 'inactive'}"

    @property
    def key(self) -> int:
        """Return a 63-bit hash of the name."""
        return int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:8]) >> 1


def steps_done(connection: apsw.Connection, source: Source) -> int:
    """Return how many steps are on the log; raises ImportConflictError where the file was imported in another way."""
    same_file = f"{source.format}:{source.digest}:*"
    others = rows(
        connection, "SELECT source FROM imports WHERE source GLOB ? AND source <> ?", (same_file, source.name)
    )
    if others:
        raise ImportConflictError(f"this file was loaded before with other options ({others[0][0].split(':', 2)[2]})")
    return scalar(connection, _STEPS, (source.key,)) or 0


class ChunkGuard:
    """Lets a chunk in that begins where the import stands, with names that nobody holds."""

    def __init__(self, source: Source, before: int, after: int, claims: Sequence[Claim]) -> None:
        self._source = source
        self._before = before
        self._after = after
        self._claims = CommitGuard(claims)

    def check(self, connection: apsw.Connection) -> object | None:
        """Return the error to raise, or None."""
        if (scalar(connection, _STEPS, (self._source.key,)) or 0) != self._before:
            return ImportConflictError("another process is loading the same file at this moment")
        refused = self._claims.check(connection)
        if isinstance(refused, AlreadyClaimedError):
            return ImportConflictError(f"{refused.claim.key} is taken already")
        return refused

    def record(self, connection: apsw.Connection, positions: Sequence[Position]) -> None:
        """Write the claims and how far the import has come."""
        self._claims.record(connection, positions)
        row = (self._source.key, self._source.name, self._after)
        connection.execute("INSERT OR REPLACE INTO imports VALUES (?, ?, ?)", row)
