"""Seals what is on the log into segments of the archive, and cuts the log behind them where it is told to.

Consumes:   the log, from the end of each manifest on
Writes:     segments, then their entries
Guarantee:  killed anywhere, a segment is in the manifest, or it is an orphan that the next run makes anew under the
            same key, or collects. Two archivers at once make one chain

A segment is sealed when it is full, or when its first record has waited for long enough.
"""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

from infra.archive.port import ArchiveError, Entry
from infra.archive.segment import SIZES, SegmentWriter, Sizes
from infra.log.port import Batch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.archive.archive import Archive
    from infra.archive.manifest import Manifest
    from infra.archive.port import StampedLog
    from infra.log.port import Stamped, TopicPartition

READ_RECORDS = 1_000
ORPHAN_MS = 3_600_000  # an archiver may be between a segment and its entry for so long


class Archiver:
    """One run of `murmur archive run`."""

    def __init__(self, log: StampedLog, archive: Archive, seal_ms: int, now_ms: int, sizes: Sizes = SIZES) -> None:
        """Seal what was appended more than `seal_ms` ago, and all that fills a segment."""
        self._log = log
        self._archive = archive
        self._seal_before_ms = now_ms - seal_ms
        self._now_ms = now_ms
        self._sizes = sizes

    def run(self, place: TopicPartition, end: int) -> Iterator[Entry]:
        """Seal the segments of a partition up to `end`, and yield their entries as they are made."""
        manifest = self._archive.manifest(place)
        entries = manifest.entries()
        while True:
            start = self._start(place, entries, end)
            writer = self._gathered(place, start, end)
            if writer is None:
                break
            entry = self._sealed(manifest, place, entries, start, writer)
            if manifest.add(entry):
                yield entry
            entries = manifest.entries()
        self._collect(manifest, entries)

    def _start(self, place: TopicPartition, entries: list[Entry], end: int) -> int:
        first = self._log.first_offset(*place)
        start = entries[-1].end if entries else first
        where = f"{place.topic}/{place.partition}"
        if start < first:
            raise ArchiveError(f"{where}: the log was cut: offsets {start:,} to {first - 1:,} were never archived")
        if start > end:
            raise ArchiveError(f"{where}: the archive goes to {start:,}, the log ends at {end:,}: records were lost")
        return start

    def _gathered(self, place: TopicPartition, start: int, end: int) -> SegmentWriter | None:
        """Return the records of the next segment, or None where it is not to be sealed yet."""
        due = start < end and self._log.appended_at_ms(*place, start) <= self._seal_before_ms
        if start == end or not (due or end - start >= self._sizes.segment_records):
            return None
        writer = SegmentWriter(place, start, self._sizes)
        while writer.end < end and not writer.full:
            writer.add(self._next_run(place, writer.end, min(end - writer.end, writer.room, self._sizes.run_records)))
        return writer

    def _next_run(self, place: TopicPartition, start: int, records: int) -> Stamped:
        """Read so many records, or fewer where they are large."""
        found: Stamped | None = None
        size = 0
        while (have := 0 if found is None else len(found.appended_ms)) < records and size < self._sizes.run_bytes:
            more = self._log.read_stamped(*place, start + have, min(READ_RECORDS, records - have))
            if more is None:
                raise ArchiveError(f"{place.topic}/{place.partition}: the log ends at {start + have:,} now")
            size += sum(map(len, more.batch.values))
            found = more if found is None else _joined(found, more)
        assert found is not None  # noqa: S101 - at least one record was asked for
        return found

    def _sealed(
        self, manifest: Manifest, place: TopicPartition, entries: list[Entry], start: int, writer: SegmentWriter
    ) -> Entry:
        """Put the segment into the object store and return its entry."""
        sealed = writer.sealed()
        sha256 = hashlib.sha256(sealed.content).hexdigest()
        key = manifest.segment_key(start, sha256)
        self._archive.objects.put(key, io.BytesIO(sealed.content), len(sealed.content))
        return Entry(
            log=manifest.log,
            topic=place.topic,
            partition=place.partition,
            first_offset=start,
            last_offset=writer.end - 1,
            records=writer.end - start,
            first_ms=sealed.first_ms,
            last_ms=sealed.last_ms,
            schema_ids=sealed.schema_ids,
            object=key,
            bytes=len(sealed.content),
            sha256=sha256,
            previous=manifest.previous(entries),
            runs=sealed.runs,
        )

    def _collect(self, manifest: Manifest, entries: list[Entry]) -> None:
        """Delete segments that no entry names, once nobody can be about to name them."""
        named = {it.object for it in entries}
        for key, (_, modified_ms) in manifest.segments().items():
            if key not in named and modified_ms < self._now_ms - ORPHAN_MS:
                self._archive.objects.delete(key)


def _joined(one: Stamped, more: Stamped) -> Stamped:
    if more.batch.base_offset != one.batch.next_offset:
        where = f"{one.batch.topic}/{one.batch.partition}"
        raise ArchiveError(f"{where}: offset {one.batch.next_offset} is missing on the log")
    shift = len(one.appended_ms)
    headers = [it._replace(record=it.record + shift) for it in more.headers]
    keys, values = one.batch.keys + more.batch.keys, one.batch.values + more.batch.values
    batch = Batch(one.batch.topic, one.batch.partition, one.batch.base_offset, keys, values)
    return type(one)(batch, one.appended_ms + more.appended_ms, [*one.headers, *headers])
