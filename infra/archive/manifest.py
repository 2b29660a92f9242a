"""The manifest of a partition: its entries, a chain in which each knows the one before.

Guarantee:  an entry is made once and never changed, so that a segment is in the manifest or not; of two archivers who
            would make the same one, the slower is told, and goes on behind it
Found:      an entry that is missing, changed or of another log, a gap and an overlap, before anything is read
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from infra.archive.port import FORMAT, ArchiveError, Entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.log.port import TopicPartition
    from infra.objects.port import ObjectStore

ROOT = "archive"
_FOLDER_DIGITS = 16
_OFFSET_DIGITS = 20
_NAME_DIGITS = 16  # of the digest, in a segment's key

_decode = msgspec.json.Decoder(Entry).decode


class Manifest:
    """The entries of one partition, in the object store."""

    def __init__(self, objects: ObjectStore, log: str, place: TopicPartition) -> None:
        """`log` names the topic as it was once made (StampedLog.identity)."""
        self._objects = objects
        self.log = log
        self._place = place
        owner = hashlib.sha256(log.encode()).hexdigest()[:_FOLDER_DIGITS]
        self._folder = f"{ROOT}/{owner}/{place.topic}/{place.partition:05d}"
        self._known: dict[str, bytes] = {}

    def entries(self) -> list[Entry]:
        """Return the entries, oldest first; raises ArchiveError where they are no chain. Asks only for new ones."""
        keys = [it.key for it in self._objects.list(f"{self._folder}/entries/")]
        self._known = {key: self._known.get(key) or self._read(key) for key in keys}
        return checked(self._place, self.log, [(key, self._known[key]) for key in keys])

    def _read(self, key: str) -> bytes:
        with self._objects.open(key) as file:
            return file.read()

    def entry_key(self, first_offset: int) -> str:
        """Return the key of the entry that begins there: there can be one."""
        return f"{self._folder}/entries/{first_offset:0{_OFFSET_DIGITS}d}.json"

    def segment_key(self, first_offset: int, sha256: str) -> str:
        """Return the key of a segment of that content."""
        return f"{self._folder}/segments/{first_offset:0{_OFFSET_DIGITS}d}-{sha256[:_NAME_DIGITS]}.avro"

    def segments(self) -> dict[str, tuple[int, int]]:
        """Return bytes and time of all segments that are there, by key, in the manifest or not."""
        return {it.key: (it.bytes, it.modified_ms) for it in self._objects.list(f"{self._folder}/segments/")}

    def add(self, entry: Entry) -> bool:
        """Make an entry; tell whether it was: somebody else may have been faster."""
        return self._objects.put_new(self.entry_key(entry.first_offset), encoded(entry))

    def previous(self, entries: Sequence[Entry]) -> str:
        """Return what the next entry says of the last one."""
        return digest_of(self._known[self.entry_key(entries[-1].first_offset)]) if entries else ""


def encoded(entry: Entry) -> bytes:
    """Return the bytes of an entry."""
    return msgspec.json.encode(entry)


def digest_of(entry: bytes) -> str:
    """Return the digest of an entry's bytes."""
    return hashlib.sha256(entry).hexdigest()


def checked(place: TopicPartition, log: str, found: Sequence[tuple[str, bytes]]) -> list[Entry]:
    """Return the entries that these bytes are; raises ArchiveError where they are not the chain that was written."""
    where = f"archive of {place.topic}/{place.partition}"
    entries: list[Entry] = []
    previous = ""
    for key, content in found:
        entry = _decoded(key, content)
        if (entry.log, entry.topic, entry.partition) != (log, *place):
            raise ArchiveError(f"{where}: {key} is of another log or partition")
        if entries and entry.first_offset > entries[-1].end:
            raise ArchiveError(f"{where}: offsets {entries[-1].end:,} to {entry.first_offset - 1:,} are missing")
        if entries and entry.first_offset < entries[-1].end:
            raise ArchiveError(
                f"{where}: {entry.name} overlaps the one before, which ends at {entries[-1].last_offset:,}"
            )
        if entry.previous != previous:
            what = "the entry before it was changed" if entries else "entries before it are missing"
            raise ArchiveError(f"{where}: {entry.name}: {what}")
        _check_runs(where, entry)
        entries.append(entry)
        previous = digest_of(content)
    return entries


def _decoded(key: str, content: bytes) -> Entry:
    try:
        entry = _decode(content)
    except msgspec.MsgspecError as error:
        raise ArchiveError(f"{key} is no entry of an archive ({error})") from error
    if entry.format != FORMAT:
        raise ArchiveError(f"{key} is of format {entry.format}; this program knows {FORMAT}")
    return entry


def _check_runs(where: str, entry: Entry) -> None:
    at = entry.first_offset
    for run in entry.runs:
        if run.offset != at or run.records < 1:
            raise ArchiveError(f"{where}: {entry.name}: its runs do not follow one another at offset {at:,}")
        at += run.records
    if at != entry.end or entry.records != entry.end - entry.first_offset:
        raise ArchiveError(f"{where}: {entry.name}: its runs end at {at:,}")
