"""An import's ledger in the facts' file: events, names and progress in one transaction a chunk.

Guarantee: a step's events, claims and progress are durable together or not at all; two processes that import one file
cannot both advance it.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from commands.imports.errors import ImportConflictError
from commands.imports.ledger import check_options
from infra.journal.embedded import SCHEMA as JOURNAL_SCHEMA
from infra.journal.embedded import CommitGuard, record_of
from infra.journal.port import AlreadyClaimedError
from infra.log import embedded
from infra.log.group_commit import AppendRefusedError
from infra.sqlite.connections import open_reader, rows, scalar

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

    from commands.imports.ledger import Chunk, Source
    from infra.log.port import Position
    from infra.settings import Settings

SCHEMA = (
    JOURNAL_SCHEMA
    + """
CREATE TABLE IF NOT EXISTS imports (source_key INTEGER PRIMARY KEY, source TEXT NOT NULL, steps INTEGER NOT NULL);
"""
)
_STEPS = "SELECT steps FROM imports WHERE source_key = ?"


class EmbeddedLedger:
    """The ledger of one source in a data folder, which is made where it is missing."""

    def __init__(self, settings: Settings, source: Source) -> None:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        partitions = {topic: settings.partitions for topics in embedded.PARTS.values() for topic in topics}
        embedded.ensure(settings.log_dir, partitions)
        self._log = embedded.open_appender(settings.log_dir, "facts", partitions, SCHEMA)
        self._path = embedded.path_of(settings.log_dir, "facts")
        self._source = source
        self._done = 0

    def steps_done(self) -> int:
        """Return how many steps are done; raises ImportConflictError where the file was imported in another way."""
        with closing(open_reader(self._path)) as connection:
            check_options(self._source, (row[0] for row in rows(connection, "SELECT source FROM imports")))
            self._done = scalar(connection, _STEPS, (self._source.key,)) or 0
        return self._done

    def append(self, chunk: Chunk) -> int:
        """Write the chunk; return how many steps are done."""
        records = [record_of(event) for event in (*chunk.events, chunk.advanced(self._source))]
        try:
            self._log.append_blocking(records, _ChunkGuard(self._source, chunk))
        except AppendRefusedError as refused:
            if isinstance(refused.reason, Exception):
                raise refused.reason from None
            raise
        self._done = chunk.after
        return self._done

    def settle(self) -> int:
        """Return how many steps are done: all that were taken."""
        return self._done

    def close(self) -> None:
        """Close the file."""
        self._log.close()


class _ChunkGuard:
    """Lets a chunk in that begins where the import stands, with names that nobody holds."""

    def __init__(self, source: Source, chunk: Chunk) -> None:
        self._source = source
        self._chunk = chunk
        self._claims = CommitGuard(chunk.claims)

    def check(self, connection: apsw.Connection) -> object | None:
        """Return the error to raise, or None."""
        if (scalar(connection, _STEPS, (self._source.key,)) or 0) != self._chunk.before:
            return ImportConflictError("another process is loading the same file at this moment")
        refused = self._claims.check(connection)
        if isinstance(refused, AlreadyClaimedError):
            return ImportConflictError(f"{refused.claim.key} is taken already")
        return refused

    def record(self, connection: apsw.Connection, positions: Sequence[Position]) -> None:
        """Write the claims and how far the import has come."""
        self._claims.record(connection, positions)
        row = (self._source.key, self._source.name, self._chunk.after)
        connection.execute("INSERT OR REPLACE INTO imports VALUES (?, ?, ?)", row)
