"""The archive of one log in an object store: manifests, segments, runs."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING

from infra.archive.manifest import Manifest
from infra.archive.segment import damaged, read_run
from infra.objects.port import CHUNK_BYTES, ObjectMissingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.archive.port import Entry, RunPlace
    from infra.archive.segment import Run
    from infra.log.port import TopicPartition
    from infra.objects.port import ObjectStore


class Archive:
    """Reads what is archived."""

    def __init__(self, objects: ObjectStore, identity: Callable[[str], str]) -> None:
        """`identity` names the topics of the log (StampedLog.identity)."""
        self.objects = objects
        self._identity = cache(identity)
        self._manifests: dict[TopicPartition, Manifest] = {}

    def manifest(self, place: TopicPartition) -> Manifest:
        """Return the manifest of a partition."""
        if place not in self._manifests:
            self._manifests[place] = Manifest(self.objects, self._identity(place.topic), place)
        return self._manifests[place]

    def entries(self, place: TopicPartition) -> list[Entry]:
        """Return the entries of a partition, oldest first, as they are now; raises ArchiveError."""
        return self.manifest(place).entries()

    def end(self, place: TopicPartition) -> int:
        """Return up to which offset (exclusive) a partition is archived; raises ArchiveError."""
        entries = self.entries(place)
        return entries[-1].end if entries else 0

    def run(self, entry: Entry, place: RunPlace) -> Run:
        """Read one run; raises ArchiveError where it is not what was written."""
        try:
            with self.objects.open(entry.object, place.at, place.bytes) as file:
                block = file.read()
        except ObjectMissingError as error:
            raise damaged(entry, "the segment is missing") from error
        return read_run(entry, place, block)

    def check(self, entry: Entry) -> None:
        """Read a whole segment; raises ArchiveError where it is missing, or not what was written."""
        read, size = hashlib.sha256(), 0
        try:
            with self.objects.open(entry.object) as file:
                while chunk := file.read(CHUNK_BYTES):
                    read.update(chunk)
                    size += len(chunk)
        except ObjectMissingError as error:
            raise damaged(entry, "the segment is missing") from error
        if size != entry.bytes:
            raise damaged(entry, f"it has {size:,} bytes, the manifest says {entry.bytes:,}")
        if read.hexdigest() != entry.sha256:
            raise damaged(entry, "its bytes are not what was written (SHA-256)")
