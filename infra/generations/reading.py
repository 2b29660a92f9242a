"""The reader of a projection on servers: made anew when another generation is to be read.

When the pointer moves, the other reader is made beside, and takes over once its generation is as far as the one that is
read, so that nobody sees a fact go away; at the latest after PATIENCE_SECONDS, for one of them may stand still. All of
it happens in `follow`, which whoever polls calls with what is recorded.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

from infra.json_logs import FIELDS
from infra.projections import StoreError, StoreUnavailableError
from infra.sources import PATIENCE_SECONDS, is_as_far
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from infra.generations.record import Record
    from infra.log.port import TopicPartition

log = logging.getLogger(__name__)


class Checkpointed(Protocol):
    """What reads one generation."""

    def checkpoints(self) -> Mapping[TopicPartition, int]:
        """Ask, per partition, up to which offset (exclusive) records are applied."""


C = TypeVar("C", bound=Checkpointed)


class _Next(NamedTuple, Generic[C]):
    number: int
    reader: C
    until: float


class Reading(Generic[C]):
    """What reads a projection; `reader` is None where this program can read none of its generations."""

    def __init__(self, projection: str, make: Callable[[int], C], schema_version: int, record: Record) -> None:
        """Make the reader of the generation to be read; raises what `make` raises."""
        self.projection = projection
        self.record = record
        self.reason = ""
        self.generation = record.active
        self.reader: C | None = None
        self._make = make
        self._schema_version = schema_version
        self._next: _Next[C] | None = None
        self._failed: int | None = None
        wanted = self._wanted(record)
        if wanted is not None:
            self.reader, self.generation = make(wanted), wanted

    def _wanted(self, record: Record) -> int | None:
        found = record.candidates(self._schema_version)
        self.reason = "" if found else f"generation {record.active} is of another version of this program"
        return found[0].number if found else None

    def follow(self, record: Record) -> bool:
        """Go after what is recorded; return whether another generation is read from now on. May ask the servers."""
        self.record = record
        wanted = self._wanted(record)
        if wanted is None:
            self.reader = self._next = None
            return False
        if self.reader is not None and wanted == self.generation:
            self._next = None
            return False
        if self._next is None or self._next.number != wanted:
            reader = self._made(wanted)
            if reader is None:
                return False
            self._next = _Next(wanted, reader, time.monotonic() + PATIENCE_SECONDS)
        if not self._may_take_over(self._next):
            return False
        self.reader, self.generation, self._next = self._next.reader, wanted, None
        log.info("another generation is read", extra={FIELDS: {"projection": self.projection, "generation": wanted}})
        return True

    def _made(self, number: int) -> C | None:
        try:
            reader = self._make(number)
        except StoreUnavailableError:
            raise
        except (TroubleError, StoreError) as error:
            if self._failed != number:
                self._failed = number
                fields = {"projection": self.projection, "generation": number, "error": str(error)}
                log.warning("a generation cannot be read; the one before goes on", extra={FIELDS: fields})
            return None
        self._failed = None
        return reader

    def _may_take_over(self, following: _Next[C]) -> bool:
        if self.reader is None or time.monotonic() >= following.until:
            return True
        return is_as_far(following.reader.checkpoints(), self.reader.checkpoints())
