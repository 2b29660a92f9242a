"""Cuts what is older than the retention off the beginning of partitions, whole rows at a time.

It runs as a guard of an append of nothing, so between commits of the one connection that writes, each step in a
transaction of its own. The last row of a partition always stays: offsets go on from it. A reader below the cut is
told so (OffsetOutOfRangeError), and reads the archive. What no archive has stays, where there is said what one has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.log.port import TopicPartition
from infra.log.sqlite import OFFSET_BITS, OFFSET_MASK, topics_of
from infra.sqlite.connections import rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import apsw

    from infra.log.group_commit import GroupCommitLog
    from infra.log.port import Position

DAY_MS = 86_400_000
FOR_EVER = 0
ROWS_PER_STEP = 500  # some 10 ms under the write lock, where appends wait meanwhile


def cut(
    connection: apsw.Connection,
    before_ms: int,
    max_rows: int = ROWS_PER_STEP,
    archived: Mapping[TopicPartition, int] | None = None,
) -> int:
    """Delete up to `max_rows` rows that were appended before that time; return how many were deleted.

    Made inside a transaction. A partition is cut up to its first younger row, never beyond, and never of its last; nor
    beyond the offset up to which it is archived, where that is said.
    """
    deleted = 0
    for topic in topics_of(connection).values():
        for partition in range(topic.partitions):
            upto = OFFSET_MASK if archived is None else archived.get(TopicPartition(topic.name, partition), 0)
            if deleted < max_rows:
                deleted += _cut_partition(
                    connection, topic.first_number + partition, before_ms, max_rows - deleted, upto
                )
    return deleted


def _cut_partition(connection: apsw.Connection, number: int, before_ms: int, max_rows: int, upto: int) -> int:
    low, high = number << OFFSET_BITS, number << OFFSET_BITS | OFFSET_MASK
    oldest = "SELECT id, appended_at_ms FROM batches WHERE id >= ? AND id <= ? ORDER BY id LIMIT ?"
    candidates = rows(connection, oldest, (low, high, max_rows + 1))
    old = 0
    while old < len(candidates) - 1 and candidates[old][1] < before_ms and candidates[old + 1][0] & OFFSET_MASK <= upto:
        old += 1
    if old:
        first_kept = candidates[old][0]
        connection.execute("DELETE FROM batches WHERE id >= ? AND id < ?", (low, first_kept))
        connection.execute("INSERT OR REPLACE INTO starts VALUES (?, ?)", (number, first_kept & OFFSET_MASK))
    return old


class _Cut:
    """The guard that cuts one step; it refuses nothing."""

    def __init__(self, before_ms: int, archived: Mapping[TopicPartition, int] | None) -> None:
        self._before_ms = before_ms
        self._archived = archived
        self.deleted = 0

    def check(self, connection: apsw.Connection) -> None:  # noqa: ARG002 - the signature is the guard's
        return

    def record(self, connection: apsw.Connection, positions: Sequence[Position]) -> None:  # noqa: ARG002
        self.deleted = cut(connection, self._before_ms, archived=self._archived)


async def enforce(
    log: GroupCommitLog, retention_days: int, now_ms: int, archived: Mapping[TopicPartition, int] | None = None
) -> int:
    """Cut all that is older than the retention (0 days: keep for ever) and archived; return how many rows are gone.

    `archived` says up to which offset each partition is; None: nobody archives, and time alone decides.
    Appends go on between the steps. Raises LogUnavailableError; what is cut stays cut, a repeat goes on from there.
    """
    if retention_days == FOR_EVER:
        return 0
    deleted = 0
    while True:
        step = _Cut(now_ms - retention_days * DAY_MS, archived)
        await log.append([], step)
        deleted += step.deleted
        if step.deleted < ROWS_PER_STEP:
            return deleted
