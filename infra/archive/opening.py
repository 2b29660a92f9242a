"""Opens the archive of a log, in either profile: the object store that the settings mean, the log's own names."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from infra.archive.archive import Archive
from infra.archive.reader import ArchivedLog
from infra.archive.segment import Sizes
from infra.log.embedded import EmbeddedLogReader
from infra.objects.directory import DirectoryObjects
from infra.objects.opening import located_objects, objects_trouble, open_objects
from schemas.catalogue import FACT_TOPICS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from infra.archive.port import StampedLog
    from infra.log.port import TopicPartition
    from infra.settings import Settings

TOPICS = FACT_TOPICS
"""What is archived: facts. What streams derive of them is derived again."""


def open_archive(settings: Settings, log: StampedLog) -> Archive:
    """Return the archive of a log; nothing is asked of it yet. Raises TroubleError where no store is named."""
    return Archive(open_objects(settings), log.identity)


def archived(settings: Settings, log: StampedLog, *, prefer_archive: bool = False) -> ArchivedLog:
    """Return the log with its archive before it, which is opened where something is read that the log has not."""
    return ArchivedLog(log, partial(_archive_or_none, settings, log), prefer_archive=prefer_archive)


def _archive_or_none(settings: Settings, log: StampedLog) -> Archive:
    """Return the archive; where servers are used and no object store is named, there is none, so an empty one."""
    if settings.profile == "cluster" and not located_objects(settings).objects_url:
        return Archive(DirectoryObjects(settings.objects_dir), log.identity)
    return open_archive(settings, log)


def sizes_of(settings: Settings) -> Sizes:
    """Return when a segment is full."""
    return Sizes(segment_records=settings.archive_segment_records)


def archived_ends(settings: Settings) -> Callable[[], Mapping[TopicPartition, int]]:
    """Return what tells up to where the embedded log is archived, each time that it is asked; that blocks."""
    kept: list[Archive] = []

    def ends() -> Mapping[TopicPartition, int]:
        with closing(EmbeddedLogReader(settings.log_dir)) as log, objects_trouble():
            if not kept:
                kept.append(open_archive(settings, log))
            return {place: kept[0].end(place) for place in log.end_offsets(TOPICS)}

    return ends
