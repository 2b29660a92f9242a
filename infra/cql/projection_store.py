"""The CQL side of every projection: writes ordered by the log, then the checkpoint.

A store is its tables and `steps`: of a span's writes it makes lists of calls; each list is sent when all of the one
before is acknowledged, and may follow from what was read in between. There is no transaction. Instead every write may
come again, late, and from two workers at once, because

  * it is USING TIMESTAMP the offset of the record that says it, plus one: the log's last word wins, whoever says it;
  * what it says follows from its log partition up to that record alone, and no other partition writes the same row.

How counts come to be like that stands in infra.cql.cells. The checkpoint goes last, with the span's end for timestamp,
so that it never moves back. It is remembered between spans and read again whenever a span does not fit it, and by
`checkpoints()`: a partition may have been elsewhere since. One that is remembered although another worker has gone on
costs work, nothing else: the span that it lets through says again what the log says.

Guarantee:  a span that comes again changes nothing, whole or in other portions, by this worker or another
Rebuild:    the next generation; or drop the tables (`drop`), create them again and start
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from infra.cql.calls import Batch, Call
from infra.cql.portions import portions
from infra.cql.progress import Changes, packed_ids, progress_of
from infra.cql.projection_tables import known_build, named, open_tables
from infra.log.port import TopicPartition
from infra.projections import StoreError, WrongSpanError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from infra.cql.progress import Progress
    from infra.cql.session import CqlSession
    from infra.log.port import Span
    from infra.projections import Placed

Steps = Generator[Sequence[Call | Batch], None, Iterable[int] | None]

BATCH_CALLS = 100
"""Rows of one partition that go together: 12 times as fast as alone; some 10 KB, and Cassandra warns at 128 KB."""

PORTIONS_AT_A_TIME = 24
"""Some 240 partitions, twice what a node writes at once; more only waits there, and a wait of 2 s is a failure."""

_OF_PARTITION = " WHERE generation = ? AND projection = ? AND build = ? AND topic = ? AND partition = ?"
_NEXT = f"SELECT next_offset FROM checkpoints{_OF_PARTITION}"
_MOVE = f"UPDATE checkpoints USING TIMESTAMP ? SET next_offset = ?{_OF_PARTITION}"
_MOVE_CHANGED = f"UPDATE checkpoints USING TIMESTAMP ? SET changed_at = ?{_OF_PARTITION}"
_TELL = "INSERT INTO news (build, projection, topic, partition, place, ids) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"


class CqlProjectionStore(ABC):
    """Base of the stores (ProjectionStore, of Placed writes); a subclass gives the constants and `steps`.

    TABLES maps the name of a table to what follows it in CREATE TABLE; statements name it `likes{g}`, see `cql`.
    """

    PROJECTION: ClassVar[str]
    SCHEMA_VERSION: ClassVar[int] = 1
    TABLES: ClassVar[Mapping[str, str]]

    def __init__(self, session: CqlSession, log_id: str, generation: int = 1) -> None:
        """Open a generation; raises TroubleError where its tables are not made, WrongSpanError for another log."""
        self.session = session
        self.generation = generation
        self.build = open_tables(session, type(self), generation, log_id).id
        self._next: dict[TopicPartition, int] | None = None

    @abstractmethod
    def steps(self, writes: Sequence[Placed], span: Span) -> Steps:
        """Yield what is to be sent, in the order in which it has to be acknowledged.

        Return the ids that caches have to drop, of all that the span says, also where it was applied before in part.
        """

    def cql(self, text: str) -> str:
        """Return a statement with its `{g}` replaced."""
        return named(text, self.generation)

    def checkpoints(self) -> dict[TopicPartition, int]:
        """Read, per partition, the offset of the next record to apply (absent: 0)."""
        self._next = next_offsets(self.session, self.PROJECTION, self.build, self.generation)
        return dict(self._next)

    def apply(self, writes: Sequence[Placed], span: Span) -> None:
        """Apply the writes, each at its record of the span, then move the checkpoint.

        Raises StoreUnavailableError: some of it may be applied, and the span has to come again. Raises WrongSpanError.
        """
        stored = self._stored(span)
        if span.end <= stored:
            return
        if span.start != stored:
            raise WrongSpanError(f"{span.topic}/{span.partition}: applied up to {stored}, given {span.start}")
        self._finish(span, self._send(self.steps(writes, span)))
        self._remember(span, span.end)

    def _stored(self, span: Span) -> int:
        """Return the checkpoint: as remembered, and where the span does not fit that, as it is."""
        known = self._next if self._next is not None else self.checkpoints()
        remembered = known.get(TopicPartition(span.topic, span.partition), 0)
        if span.start == remembered:
            return remembered
        found = self.session.run(_NEXT, self._key(span))
        stored: int = found[0][0] or 0 if found else 0
        self._remember(span, stored)
        return stored

    def _remember(self, span: Span, next_offset: int) -> None:
        self._next = {**(self._next or {}), TopicPartition(span.topic, span.partition): next_offset}

    def _send(self, steps: Steps) -> Iterable[int]:
        """Send one step after the other; return the ids of what they changed."""
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                return end.value or ()
            found = portions(step, self.session.nodes_of)
            for start in range(0, len(found), PORTIONS_AT_A_TIME):
                self.session.run_all(found[start : start + PORTIONS_AT_A_TIME])

    def _finish(self, span: Span, changed: Iterable[int]) -> None:
        """Say what changed, then that the span is applied."""
        key = self._key(span)
        moves = [Call(_MOVE, (span.end, span.end, *key))]
        if ids := packed_ids(changed):
            place = (self.build, self.PROJECTION, span.topic, span.partition, span.end)
            self.session.run(_TELL, (*place, ids, span.end))
            moves.append(Call(_MOVE_CHANGED, (span.end, span.end, *key)))
        self.session.run_all(in_batches((key, move) for move in moves))

    def _key(self, span: Span) -> tuple[Any, ...]:
        return (self.generation, self.PROJECTION, self.build, span.topic, span.partition)

    def close(self) -> None:  # noqa: B027 - no store has to say that it has nothing to close
        """Nothing: the session is its opener's."""


class CqlProjectionReader:
    """Base of the readers: knows the checkpoints. SCHEMA_VERSION is that of the store whose tables it can read."""

    PROJECTION: ClassVar[str]
    SCHEMA_VERSION: ClassVar[int] = 1
    _asked: ClassVar[set[str]] = set()

    def __init_subclass__(cls) -> None:
        """Remember what its readers ask, of whichever generation."""
        super().__init_subclass__()
        cls._asked = set()

    def __init__(
        self,
        session: CqlSession,
        generation: int = 1,
        progress: Callable[[], Mapping[TopicPartition, Progress]] | None = None,  # noqa: ARG002 - of who tells changes
    ) -> None:
        """Read a generation; raises TroubleError where its tables are not made. `progress`: see Changes."""
        self.session = session
        self.generation = generation
        self.build = known_build(session, self.PROJECTION, generation).id

    def cql(self, text: str) -> str:
        """Return a statement with its `{g}` replaced."""
        self._asked.add(text)
        return named(text, self.generation)

    def prepare(self) -> None:
        """Have ready what was asked of other generations: who reads this one first must not wait for that."""
        with suppress(StoreError):  # then it is prepared when it is asked
            self.session.prepare([named(text, self.generation) for text in self._asked])

    def checkpoints(self) -> dict[TopicPartition, int]:
        """Read, per partition, the offset up to which (exclusive) records are applied."""
        return next_offsets(self.session, self.PROJECTION, self.build, self.generation)

    def next_offset(self, topic: str, partition: int) -> int:
        """Read the offset up to which (exclusive) records of one partition are applied."""
        return self.checkpoints().get(TopicPartition(topic, partition), 0)

    def close(self) -> None:
        """Nothing: the session is its opener's."""


class CqlTellingReader(CqlProjectionReader):
    """Base of the readers whose store tells caches what to drop: what its `steps` return."""

    def __init__(
        self,
        session: CqlSession,
        generation: int = 1,
        progress: Callable[[], Mapping[TopicPartition, Progress]] | None = None,
    ) -> None:
        """Read a generation; `progress`: see infra.cql.progress.Changes."""
        super().__init__(session, generation)
        self._changes = Changes(session, self.PROJECTION, generation, progress)

    def changed(self) -> list[int]:
        """Return the ids that the store told of since the last call; the read model's port says what they are."""
        return self._changes.new()


def timestamp(span: Span, write: Placed) -> int:
    """Return when a write was said, as the log counts: the offset of its record, plus one."""
    return span.start + write.at + 1


def in_batches(calls: Iterable[tuple[Hashable, Call]], size: int = BATCH_CALLS) -> list[Call | Batch]:
    """Put calls with the same key, which stands for one partition of one table, into batches of up to `size`."""
    by_key: dict[Hashable, list[Call]] = {}
    for key, call in calls:
        by_key.setdefault(key, []).append(call)
    portions = (group[at : at + size] for group in by_key.values() for at in range(0, len(group), size))
    return [Batch(portion) if len(portion) > 1 else portion[0] for portion in portions]


def next_offsets(session: CqlSession, projection: str, build: int, generation: int) -> dict[TopicPartition, int]:
    """Read the offset up to which (exclusive) records of each partition are applied."""
    return {place: told.next_offset for place, told in progress_of(session, projection, build, generation).items()}
