"""Reads archive and log as one: below what the log has kept from the archive, then on from the log, without a seam.

Guarantee:  records come once each, in the order of their offsets, whichever they are read from; `check` finds a gap,
            and any damage of a segment that would be read, before anything is read
Consumes:   the archive only as far as the log does not reach back, or as far as it goes (`prefer_archive`)
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from typing import TYPE_CHECKING

from infra.archive.port import ArchiveError
from infra.log.port import Batch, OffsetOutOfRangeError, TopicPartition
from infra.objects.opening import objects_trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from infra.archive.archive import Archive
    from infra.archive.port import Entry, RunPlace, StampedLog
    from infra.archive.segment import Run
    from infra.log.port import Stamped

KEPT_RUNS = 24  # decoded, some 2 MB each: who reads several partitions in turn comes back to each


class ArchivedLog:
    """A log (LogReader, StampedLog) that reaches back as far as its archive does. Not thread-safe."""

    def __init__(self, log: StampedLog, open_archive: Callable[[], Archive], *, prefer_archive: bool = False) -> None:
        """`open_archive` is asked at the first need: a log that was never cut needs none. Its owner closes the log."""
        self.log = log
        self._open_archive = open_archive
        self._prefer_archive = prefer_archive
        self._archive: Archive | None = None
        self._entries: dict[TopicPartition, list[Entry]] = {}
        self._log_from: dict[TopicPartition, int] = {}
        self._runs: OrderedDict[tuple[str, int], Run] = OrderedDict()

    @property
    def archive(self) -> Archive:
        """The archive, opened."""
        if self._archive is None:
            self._archive = self._open_archive()
        return self._archive

    @property
    def log_id(self) -> str:
        """The log's name."""
        return self.log.log_id

    def identity(self, topic: str) -> str:
        """Return a topic's name, as it was once made."""
        return self.log.identity(topic)

    def partitions(self, topic: str) -> int:
        """Return the number of partitions of a topic."""
        return self.log.partitions(topic)

    def end_offsets(self, topics: Sequence[str]) -> Mapping[TopicPartition, int]:
        """Return, for each partition of the topics, the offset that the next record will get."""
        return self.log.end_offsets(topics)

    def first_offset(self, topic: str, partition: int) -> int:
        """Return the first offset that archive or log has."""
        kept = self.log.first_offset(topic, partition)
        entries = self._known(TopicPartition(topic, partition)) if kept else []
        return min(entries[0].first_offset, kept) if entries else kept

    def read(self, topic: str, partition: int, offset: int, max_records: int) -> Batch | None:
        """Return up to `max_records` records from `offset` on, or None at the end.

        Raises what the log raises, and ArchiveError where the archive does not hold what it should.
        """
        place = TopicPartition(topic, partition)
        if offset >= self._reads_log_from(place):
            try:
                return self.log.read(topic, partition, offset, max_records)
            except OffsetOutOfRangeError:
                if offset >= self.log.first_offset(topic, partition):
                    raise
                self._log_from.pop(place)  # it was cut behind what the archive has meanwhile
                self._entries.pop(place, None)
        return self._read_archive(place, offset, max_records)

    def read_stamped(self, topic: str, partition: int, offset: int, max_records: int) -> Stamped | None:
        """Read what the log has; what is in the archive needs no archiving."""
        return self.log.read_stamped(topic, partition, offset, max_records)

    def appended_at_ms(self, topic: str, partition: int, offset: int) -> int:
        """Return when a record was appended."""
        place = TopicPartition(topic, partition)
        if offset >= self._reads_log_from(place):
            return self.log.appended_at_ms(topic, partition, offset)
        entry, run = self._where(place, offset)
        left = offset - run.offset
        for records, at_ms in self._run(entry, run).appended:
            if left < records:
                return at_ms
            left -= records
        raise ArchiveError(f"{entry.name} does not say when offset {offset:,} was appended")

    def close(self) -> None:
        """Let go of what was read; the log is closed too."""
        self._runs.clear()
        self.log.close()

    def check(self, topics: Sequence[str], tell: Callable[[Entry], None] = lambda _: None) -> int:
        """Read every segment that would be read from; return how many. Raises ArchiveError, naming what is wrong."""
        read = 0
        for place, end in self.log.end_offsets(topics).items():
            self._entries.pop(place, None)
            self._log_from.pop(place, None)
            upto = min(self._reads_log_from(place), end)
            if upto == 0:
                continue
            self._check_seam(place, upto)
            for entry in self._known(place):
                if entry.first_offset < upto:
                    with objects_trouble():
                        self.archive.check(entry)
                    tell(entry)
                    read += 1
        return read

    def _check_seam(self, place: TopicPartition, upto: int) -> None:
        """Raise where records are neither in the archive nor on the log."""
        entries, where = self._known(place), f"{place.topic}/{place.partition}"
        archived = entries[-1].end if entries else 0
        begins = entries[0].first_offset if entries else upto
        if begins > 0:
            raise ArchiveError(f"{where}: offsets 0 to {begins - 1:,} are neither on the log nor in the archive")
        if archived < upto:
            what = f"offsets {archived:,} to {upto - 1:,} are neither on the log nor in the archive"
            raise ArchiveError(f"{where}: {what}")

    def _reads_log_from(self, place: TopicPartition) -> int:
        """Return the first offset that is read from the log, as far as is known; a cut is noticed when it matters."""
        if place not in self._log_from:
            kept = self.log.first_offset(*place)
            if self._prefer_archive:
                entries = self._known(place)
                kept = max(kept, entries[-1].end if entries else 0)
            self._log_from[place] = kept
        return self._log_from[place]

    def _known(self, place: TopicPartition) -> list[Entry]:
        if place not in self._entries:
            with objects_trouble():
                self._entries[place] = self.archive.entries(place)
        return self._entries[place]

    def _where(self, place: TopicPartition, offset: int) -> tuple[Entry, RunPlace]:
        entries = self._known(place)
        at = bisect_right(entries, offset, key=lambda it: it.first_offset) - 1
        if at < 0 or offset >= entries[at].end:
            first = self.log.first_offset(*place)
            what = f"{place.topic}/{place.partition}: offset {offset} is gone; the log begins at {first}"
            raise OffsetOutOfRangeError(f"{what}, and the archive has it not")
        runs = entries[at].runs
        return entries[at], runs[bisect_right(runs, offset, key=lambda it: it.offset) - 1]

    def _read_archive(self, place: TopicPartition, offset: int, max_records: int) -> Batch:
        """Return records of the archive, as far as it goes."""
        entry, at = self._where(place, offset)
        run = self._run(entry, at)
        skip = offset - run.offset
        keys, values = run.keys[skip : skip + max_records], run.values[skip : skip + max_records]
        last = self._known(place)[-1].end
        while len(values) < max_records and (following := offset + len(values)) < last:
            run = self._run(*self._where(place, following))
            wanted = max_records - len(values)
            keys += run.keys[:wanted]
            values += run.values[:wanted]
        return Batch(*place, offset, keys, values)

    def _run(self, entry: Entry, place: RunPlace) -> Run:
        key = entry.object, place.offset
        run = self._runs.pop(key, None)
        if run is None:
            with objects_trouble():
                run = self.archive.run(entry, place)
        self._runs[key] = run
        if len(self._runs) > KEPT_RUNS:
            self._runs.popitem(last=False)
        return run
