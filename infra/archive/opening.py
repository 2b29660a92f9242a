"""Opens the archive of a log, in either profile: the object store that the settings mean, the log's own names."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from infra.archive.archive import Archive
from infra.archive.reader import ArchivedLog
from infra.objects.opening import open_objects

if TYPE_CHECKING:
    from infra.archive.port import StampedLog
    from infra.settings import Settings


def open_archive(settings: Settings, log: StampedLog) -> Archive:
    """Return the archive of a log; nothing is asked of it yet. Raises TroubleError."""
    return Archive(open_objects(settings), log.identity)


def archived(settings: Settings, log: StampedLog, *, prefer_archive: bool = False) -> ArchivedLog:
    """Return the log with its archive before it, which is opened where something is read that the log has not."""
    return ArchivedLog(log, partial(open_archive, settings, log), prefer_archive=prefer_archive)
