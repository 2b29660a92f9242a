"""Reads a whole archive: every entry, every byte, every record; and the log beside it where that has it still."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from infra.archive.port import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from infra.archive.archive import Archive
    from infra.archive.port import Entry, StampedLog
    from infra.archive.segment import Run
    from infra.log.port import TopicPartition


class Finding(NamedTuple):
    """Something that is wrong with a partition's archive, in one line."""

    topic: str
    partition: int
    problem: str


def findings_of(
    archive: Archive, log: StampedLog, place: TopicPartition, end: int, tell: Callable[[Entry], None]
) -> Iterator[Finding]:
    """Yield what is wrong with one partition; `end` is the log's."""
    first, where = log.first_offset(*place), f"{place.topic}/{place.partition}"
    try:
        entries = archive.entries(place)
    except ArchiveError as error:
        yield Finding(*place, str(error))
        return
    archived = entries[-1].end if entries else 0
    if archived < first:
        yield Finding(
            *place, f"{where}: offsets {archived:,} to {first - 1:,} are neither on the log nor in the archive"
        )
    if archived > end:
        yield Finding(*place, f"{where}: the archive goes to {archived:,}, the log ends at {end:,}")
    for entry in entries:
        try:
            archive.check(entry)
            _compare(archive, log, place, entry, first)
        except ArchiveError as error:
            yield Finding(*place, str(error))
        tell(entry)


def _compare(archive: Archive, log: StampedLog, place: TopicPartition, entry: Entry, first: int) -> None:
    for at in entry.runs:
        run = archive.run(entry, at)
        _check_times(entry, run)
        if run.offset < first or run.offset + at.records > log.end_offsets([place.topic])[place]:
            continue
        offset = run.offset
        while offset < run.offset + at.records:
            batch = log.read(*place, offset, run.offset + at.records - offset)
            skip = offset - run.offset
            if batch is None or batch.base_offset != offset:
                raise ArchiveError(f"{entry.name}: the log has nothing at offset {offset:,}")
            until = skip + len(batch.values)
            if (batch.keys, batch.values) != (run.keys[skip:until], run.values[skip:until]):
                raise ArchiveError(f"{entry.name}: the log has other records at offsets {offset:,} and on")
            offset = batch.next_offset


def _check_times(entry: Entry, run: Run) -> None:
    times = [at_ms for _, at_ms in run.appended]
    counted = sum(records for records, _ in run.appended)
    if counted != len(run.values) or min(times) < entry.first_ms or max(times) > entry.last_ms:
        raise ArchiveError(f"{entry.name}: the times of its records are not what the manifest says")
