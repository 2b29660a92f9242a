"""What `murmur archive` does: seals and cuts, tells what there is, verifies. In either profile."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from infra.archive import told
from infra.archive.archiver import Archiver
from infra.archive.opening import TOPICS, open_archive, sizes_of
from infra.archive.port import ArchiveError
from infra.archive.verify import findings_of
from infra.log.port import LogError
from infra.log.retention import DAY_MS
from infra.objects.opening import objects_trouble
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from infra.archive.archive import Archive
    from infra.archive.port import Entry, StampedLog
    from infra.archive.verify import Finding
    from infra.log.port import TopicPartition
    from infra.settings import Settings

HOUR_MS = 3_600_000


class Ran(NamedTuple):
    """What a run did: the entries that it made, how many records it cut off the log."""

    entries: Sequence[Entry]
    told: told.Told


def run(
    settings: Settings, log: StampedLog, *, now: bool = False, tell: Callable[[Entry], None] = lambda _: None
) -> Ran:
    """Seal what is to be sealed (`now`: all there is), and cut the log behind it; raises TroubleError."""
    made: list[Entry] = []
    now_ms = time.time_ns() // 1_000_000
    try:
        with archive_trouble():
            archive = open_archive(settings, log)
            seal_ms = 0 if now else settings.archive_seal_hours * HOUR_MS
            archiver = Archiver(log, archive, seal_ms, now_ms, sizes_of(settings))
            for place, end in log.end_offsets(TOPICS).items():
                for entry in archiver.run(place, end):
                    made.append(entry)
                    tell(entry)
            found = told.Told(now_ms, by_topic(archive, log))
            found.cut = _cut(settings, {place: archive.end(place) for place in log.end_offsets(TOPICS)}, now_ms)
    except TroubleError as error:
        before = told.read(settings.run_dir)
        told.write(settings.run_dir, told.Told(now_ms, before.topics if before else {}, error=str(error)))
        raise
    told.write(settings.run_dir, found)
    return Ran(made, found)


def _cut(settings: Settings, archived: Mapping[TopicPartition, int], now_ms: int) -> int:
    """Cut topics on Kafka; the embedded log is cut by who writes it, see infra.journal.embedded."""
    if settings.profile != "cluster" or not settings.retention_days or settings.retention_unarchived:
        return 0
    from infra.log.kafka_cut import cut  # noqa: PLC0415 - its client is installed where there are servers
    from infra.servers.fleet import servers_of  # noqa: PLC0415

    return cut(servers_of(settings).kafka_bootstrap, archived, now_ms - settings.retention_days * DAY_MS)


def by_topic(archive: Archive, log: StampedLog) -> dict[str, told.TopicTold]:
    """Return how far each topic is archived."""
    found = {topic: told.TopicTold() for topic in TOPICS}
    for place, end in log.end_offsets(TOPICS).items():
        entries, it = archive.entries(place), found[place.topic]
        it.archived += sum(entry.records for entry in entries)
        it.waiting += end - (entries[-1].end if entries else log.first_offset(*place))
        it.segments += len(entries)
        it.bytes += sum(entry.bytes for entry in entries)
    return found


def partitions(settings: Settings, log: StampedLog) -> list[dict[str, Any]]:
    """Return what is archived of each partition, with its segments; raises TroubleError."""
    with archive_trouble():
        archive = open_archive(settings, log)
        return [_partition(archive, log, place, end) for place, end in log.end_offsets(TOPICS).items()]


def _partition(archive: Archive, log: StampedLog, place: TopicPartition, end: int) -> dict[str, Any]:
    entries = archive.entries(place)
    shown = ("first_offset", "last_offset", "records", "first_ms", "last_ms", "bytes", "sha256", "schema_ids", "object")
    return {
        "topic": place.topic,
        "partition": place.partition,
        "archived_to": entries[-1].end if entries else 0,
        "log_from": log.first_offset(*place),
        "log_to": end,
        "head": archive.manifest(place).previous(entries),
        "segments": [{name: getattr(entry, name) for name in shown} for entry in entries],
    }


def verify(settings: Settings, log: StampedLog, tell: Callable[[Entry], None] = lambda _: None) -> list[Finding]:
    """Read everything, and compare it with what the log still has; return what is wrong. Raises TroubleError."""
    with archive_trouble():
        archive = open_archive(settings, log)
        ends = log.end_offsets(TOPICS)
        return [finding for place, end in ends.items() for finding in findings_of(archive, log, place, end, tell)]


@contextmanager
def archive_trouble() -> Iterator[None]:
    """Say in one line what is wrong with the log, the archive or the object store."""
    try:
        with objects_trouble():
            yield
    except ArchiveError as error:
        raise TroubleError(str(error), "see `murmur archive verify`") from error
    except LogError as error:
        raise TroubleError(f"the log cannot be read: {error}", "see `murmur log verify`") from error
