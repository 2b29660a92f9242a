"""The archive of one log in an object store: manifests, segments, runs."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from infra.archive.manifest import Manifest
from infra.archive.segment import damaged, read_run
from infra.objects.port import CHUNK_BYTES, ObjectMissingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.archive.port import Entry, RunPlace
    from infra.archive.segment import Run
    from infra.log.port import TopicPartition
    from infra.objects.port import ObjectStore


AHEAD_BYTES = 1 << 20  # some ten runs: a request to a server takes longer than to decode one


class _Ahead(NamedTuple):
    """Bytes of an object from `start` on."""

    object: str
    start: int
    content: bytes

    @property
    def end(self) -> int:
        return self.start + len(self.content)


class Archive:
    """Reads what is archived."""

    def __init__(self, objects: ObjectStore, identity: Callable[[str], str]) -> None:
        """`identity` names the topics of the log (StampedLog.identity)."""
        self.objects = objects
        self._identity = cache(identity)
        self._manifests: dict[TopicPartition, Manifest] = {}
        self._ahead = _Ahead("", 0, b"")

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
        return read_run(entry, place, self._block(entry, place))

    def _block(self, entry: Entry, place: RunPlace) -> bytes:
        """Return the bytes of a run; who reads on where the last one ended gets what follows fetched with it."""
        ahead, end = self._ahead, place.at + place.bytes
        if entry.object != ahead.object or not ahead.start <= place.at <= end <= ahead.end:
            reads_on = entry.object == ahead.object and ahead.start <= place.at <= ahead.end
            length = min(entry.bytes - place.at, max(place.bytes, AHEAD_BYTES if reads_on else 0))
            try:
                with self.objects.open(entry.object, place.at, length) as file:
                    ahead = self._ahead = _Ahead(entry.object, place.at, file.read())
            except ObjectMissingError as error:
                raise damaged(entry, "the segment is missing") from error
        return ahead.content[place.at - ahead.start : end - ahead.start]

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
