"""Tells readers how far projections are, and what their caches have to drop."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from infra.cql.calls import Call
from infra.cql.projection_tables import known_build
from infra.log.port import TopicPartition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from infra.cql.session import CqlSession

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
    current = {projection: build for projection, of, build in builds if of == generation}
    progress: dict[str, Of] = {}
    for projection, build, topic, partition, next_offset, changed_at in found:
        if next_offset and current.get(projection) == build:
            told = Progress(next_offset, changed_at or 0)
            progress.setdefault(projection, {})[TopicPartition(topic, partition)] = told
    return progress


class Look:
    """One question for the checkpoints of all projections, and what the last answer said (see infra.progress.Part)."""

    def __init__(self, session: CqlSession, generation: int = 1) -> None:
        self._session = session
        self._generation = generation
        self._last: dict[str, Of] = {}

    def read(self) -> dict[str, dict[TopicPartition, int]]:
        """Ask; return the checkpoints."""
        self._last = read_progress(self._session, self._generation)
        return {
            projection: {place: told.next_offset for place, told in of.items()} for projection, of in self._last.items()
        }

    def of(self, projection: str) -> Callable[[], Of]:
        """Return what Changes follows: the progress of a projection as of the last `read`."""
        return lambda: self._last.get(projection, {})


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
