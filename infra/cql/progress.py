"""Tells readers how far projections are, and what their caches have to drop."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from infra.cql.calls import Call
from infra.cql.generations import FAMILY, READ, decoded
from infra.cql.projection_tables import known_build
from infra.generations.reading import Checkpointed, Reading
from infra.generations.record import unrecorded
from infra.log.port import TopicPartition
from infra.projections import StoreError, StoreUnavailableError
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from infra.cql.calls import Row
    from infra.cql.projection_store import CqlProjectionReader
    from infra.cql.session import CqlSession
    from infra.generations.record import Record

C = TypeVar("C", bound=Checkpointed)
R = TypeVar("R", bound="CqlProjectionReader")

_BUILDS = "SELECT projection, generation, build FROM stores"
_PROGRESS = "SELECT projection, build, topic, partition, next_offset, changed_at FROM checkpoints WHERE generation = ?"
_OF_ONE = (
    "SELECT topic, partition, next_offset, changed_at FROM checkpoints "
    "WHERE generation = ? AND projection = ? AND build = ?"
)
_NEWS = (
    "SELECT ids FROM news WHERE build = ? AND projection = ? AND topic = ? AND partition = ? "
    "AND place > ? AND place <= ?"
)


class Progress(NamedTuple):
    """Of one partition of the log: up to where (exclusive) it is applied, and the last span that `news` tells of."""

    next_offset: int
    changed_at: int


Of = dict[TopicPartition, Progress]


def read_progress(session: CqlSession, generation: int = 1) -> dict[str, Of]:
    """Read the progress of every projection in one round trip; what has applied nothing yet is absent."""
    builds, found = session.run_all([Call(_BUILDS), Call(_PROGRESS, (generation,))])
    return _of_generation(generation, builds, found)


def _of_generation(generation: int, builds: Sequence[Row], found: Sequence[Row]) -> dict[str, Of]:
    current = {projection: build for projection, of, build in builds if of == generation}
    progress: dict[str, Of] = {}
    for projection, build, topic, partition, next_offset, changed_at in found:
        if next_offset and current.get(projection) == build:
            told = Progress(next_offset, changed_at or 0)
            progress.setdefault(projection, {})[TopicPartition(topic, partition)] = told
    return progress


class Look:
    """One question for the generations and checkpoints of all projections, and what the last answer said.

    See infra.progress.Part. Each projection is followed by a Reading, which has its reader made anew, below the look,
    when another generation is to be read; of a projection without one nothing is told.
    """

    def __init__(self, session: CqlSession, lwt: str) -> None:
        """`lwt` is the keyspace of compare-and-set, where generations are recorded."""
        self._session = session
        self._records_of = READ.format(lwt)
        self._records: dict[str, Record] = self._read_records()
        self._readings: list[Reading[Any]] = []
        self._last: dict[int, dict[str, Of]] = {}

    def _read_records(self) -> dict[str, Record]:
        try:
            return decoded(self._session.run(self._records_of, (FAMILY,)))
        except StoreUnavailableError:
            raise
        except StoreError as error:  # the table is missing, or this role may not read it yet
            raise TroubleError(f"generations cannot be read ({error})", "make their table: `murmur migrate`") from error

    def reading(self, projection: str, make: Callable[[int], C], schema_version: int) -> Reading[C]:
        """Return what reads a projection in the generation that is to be read, from now on."""
        reading = Reading(projection, make, schema_version, self.record(projection))
        self._readings.append(reading)
        return reading

    def rows(self, reader: type[R]) -> Reading[R]:
        """Return what reads the tables of a projection by readers of this kind."""

        def make(generation: int) -> R:
            made = reader(self._session, generation, self.of(reader.PROJECTION, generation))
            made.prepare()
            return made

        return self.reading(reader.PROJECTION, make, reader.SCHEMA_VERSION)

    def record(self, projection: str) -> Record:
        """Return what was recorded of a projection's generations at the last `read`."""
        return self._records.get(projection) or unrecorded(projection)

    def read(self) -> dict[str, dict[TopicPartition, int]]:
        """Ask; follow the generations; return the checkpoints."""
        self._ask()
        moved = [reading.follow(self.record(reading.projection)) for reading in self._readings]
        if any(moved):
            self._ask()  # for a generation that was not asked for
        return {
            it.projection: {place: told.next_offset for place, told in self.of(it.projection, it.generation)().items()}
            for it in self._readings
        }

    def _ask(self) -> None:
        generations = sorted({reading.generation for reading in self._readings})
        calls = [Call(self._records_of, (FAMILY,)), Call(_BUILDS), *(Call(_PROGRESS, (it,)) for it in generations)]
        records, builds, *found = self._session.run_all(calls)
        self._records = decoded(records)
        self._last = {of: _of_generation(of, builds, rows) for of, rows in zip(generations, found, strict=True)}

    def of(self, projection: str, generation: int) -> Callable[[], Of]:
        """Return what Changes follows: the progress of a generation as of the last `read`."""
        return lambda: self._last.get(generation, {}).get(projection, {})


def progress_of(session: CqlSession, projection: str, build: int, generation: int) -> Of:
    """Read the progress of one projection."""
    found = session.run(_OF_ONE, (generation, projection, build))
    return {TopicPartition(row[0], row[1]): Progress(row[2], row[3] or 0) for row in found if row[2]}


def packed_ids(ids: Iterable[int]) -> bytes:
    """Return the ids, each once, as `news` holds them."""
    each_once = set(ids)
    return struct.pack(f">{len(each_once)}q", *each_once)


def unpacked_ids(ids: bytes) -> tuple[int, ...]:
    """Return the ids of a row of `news`."""
    return struct.unpack(f">{len(ids) // 8}q", ids)


class Changes:
    """Follows what a store tells to caches: as fresh as the progress that it is shown.

    `progress` returns what is known of the projection's progress, for example by a poller of `read_progress`; without
    it every look reads the checkpoints. Who has not looked for NEWS_SECONDS has missed some, and must keep nothing.
    """

    def __init__(
        self,
        session: CqlSession,
        projection: str,
        generation: int = 1,
        progress: Callable[[], Mapping[TopicPartition, Progress]] | None = None,
    ) -> None:
        self._session = session
        self._projection = projection
        self._generation = generation
        self._build = known_build(session, projection, generation).id
        self._progress = progress or self._read
        self._seen = {partition: told.changed_at for partition, told in self._read().items()}

    def new(self) -> list[int]:
        """Return the ids that changed since the last call (or since this was made); one query a partition that moved.

        NOTE: below a bridge others run while it waits, so whoever looks at the same time may be told earlier than the
        cache is cleared; `new` is for one task.
        """
        moved = [
            (partition, self._seen.get(partition, 0), told.changed_at)
            for partition, told in self._progress().items()
            if told.changed_at > self._seen.get(partition, 0)
        ]
        if not moved:
            return []
        calls = [Call(_NEWS, (self._build, self._projection, *place, since, upto)) for place, since, upto in moved]
        found = self._session.run_all(calls)
        self._seen.update((partition, upto) for partition, _, upto in moved)
        return [told for rows in found for (ids,) in rows for told in unpacked_ids(ids)]

    def _read(self) -> Of:
        return progress_of(self._session, self._projection, self._build, self._generation)
