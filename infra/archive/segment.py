"""The bytes of a segment: an Avro container file, compressed by zstd, that any Avro tool reads.

A block holds one run, so that a run can be fetched, checked and decoded by itself. Nothing in the file says when or by
whom it was made: the same records give the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import sys
from functools import cache
from importlib import resources
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from fastavro import parse_schema, schemaless_reader
from fastavro.write import Writer

from infra.archive.port import ArchiveError, RunPlace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.archive.port import Entry
    from infra.log.port import Stamped, TopicPartition

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CODEC = "zstandard"
DIGEST_LENGTH = 32  # hexadecimal digits: 128 bits
_SYNC_BYTES = 16
_PREFIX = struct.Struct(">bI")


@cache
def schema() -> Any:
    """Return the schema of a run, parsed."""
    return parse_schema(json.loads((resources.files("infra.archive") / "Run.avsc").read_text()))


class Sizes(NamedTuple):
    """At which a segment, or a run, is full: so many records, or so many bytes before compression."""

    segment_records: int = 100_000
    segment_bytes: int = 32 << 20  # held in memory while it is sealed
    run_records: int = 5_000  # decoded in a millisecond; a segment has some 20 of them
    run_bytes: int = 1 << 20


SIZES = Sizes()


class Sealed(NamedTuple):
    """A finished segment."""

    content: bytes
    runs: list[RunPlace]
    first_ms: int
    last_ms: int
    schema_ids: list[int]


class SegmentWriter:
    """Gathers records of one partition from an offset on, run by run, and seals them."""

    def __init__(self, place: TopicPartition, first_offset: int, sizes: Sizes = SIZES) -> None:
        self._sizes = sizes
        self._file = io.BytesIO()
        name = f"{place.topic}/{place.partition}/{first_offset}"
        about = {"murmuration.partition": f"{place.topic}/{place.partition}", "murmuration.offset": str(first_offset)}
        marker = hashlib.sha256(name.encode()).digest()[:_SYNC_BYTES]
        self._writer = Writer(self._file, schema(), codec=CODEC, metadata=about, sync_marker=marker)
        self._runs: list[RunPlace] = []
        self._schemas: set[int] = set()
        self._first_ms = self._last_ms = 0
        self.end = first_offset
        self.bytes = 0

    @property
    def full(self) -> bool:
        """Whether it is to be sealed."""
        return self._records >= self._sizes.segment_records or self.bytes >= self._sizes.segment_bytes

    @property
    def room(self) -> int:
        """How many records it has room for."""
        return max(0, self._sizes.segment_records - self._records)

    @property
    def _records(self) -> int:
        return sum(run.records for run in self._runs)

    def add(self, found: Stamped) -> None:
        """Write the records that follow as a run."""
        batch = found.batch
        if batch.base_offset != self.end:
            where = f"{batch.topic}/{batch.partition}"
            raise ArchiveError(f"{where}: offset {self.end} is missing on the log; {batch.base_offset} follows")
        at = self._file.seek(0, io.SEEK_END)
        self._writer.write(_run(found))
        self._writer.flush()
        self._file.seek(at)
        block = self._file.read()
        self._runs.append(RunPlace(batch.base_offset, len(batch.values), at, len(block), digest(block)))
        self._schemas |= schema_ids(batch.values)
        self._first_ms = min(self._first_ms or found.appended_ms[0], *found.appended_ms)
        self._last_ms = max(self._last_ms, *found.appended_ms)
        self.bytes += sum(map(len, batch.values))
        self.end = batch.next_offset

    def sealed(self) -> Sealed:
        """Return the whole."""
        return Sealed(self._file.getvalue(), self._runs, self._first_ms, self._last_ms, sorted(self._schemas))


class Run(NamedTuple):
    """A run as it was read."""

    offset: int
    keys: list[int]
    values: list[bytes]
    appended: Sequence[tuple[int, int]]


def _run(found: Stamped) -> dict[str, Any]:
    batch = found.batch
    stamps = [{"records": len(list(same)), "at": at} for at, same in groupby(found.appended_ms)]
    return {
        "offset": batch.base_offset,
        "keys": struct.pack(f">{len(batch.keys)}q", *batch.keys),
        "appended": stamps,
        "values": batch.values,
        "headers": [it._asdict() for it in found.headers],
    }


def digest(block: bytes) -> str:
    """Return the digest of a run's block."""
    return hashlib.sha256(block).hexdigest()[:DIGEST_LENGTH]


def schema_ids(values: Sequence[bytes]) -> set[int]:
    """Return the schema ids that records name."""
    prefixes = {value[: _PREFIX.size] for value in values}
    return {_PREFIX.unpack(it)[1] for it in prefixes if len(it) == _PREFIX.size and it[0] == 0}


def read_run(entry: Entry, place: RunPlace, block: bytes) -> Run:
    """Decode the block of a run; raises ArchiveError where it is not what was written."""
    if len(block) != place.bytes or digest(block) != place.digest:
        raise damaged(entry, f"the run at offset {place.offset:,} is not what was written")
    compressed = block[_body(block) : -_SYNC_BYTES]
    run: dict[str, Any] = schemaless_reader(io.BytesIO(zstd.decompress(compressed)), schema(), None)
    keys = list(struct.unpack(f">{len(run['keys']) // 8}q", run["keys"]))
    if not run["offset"] == place.offset or not len(run["values"]) == len(keys) == place.records:
        raise damaged(entry, f"the run at offset {place.offset:,} has not the records that the manifest says")
    return Run(place.offset, keys, run["values"], [(it["records"], it["at"]) for it in run["appended"]])


def damaged(entry: Entry, what: str) -> ArchiveError:
    """Return the error that names the segment."""
    return ArchiveError(f"{entry.name} ({entry.object}): {what}")


def _body(block: bytes) -> int:
    """Return where the compressed bytes begin: after two numbers, how many objects there are and how many bytes."""
    at = 0
    for _ in range(2):
        while block[at] & 0x80:
            at += 1
        at += 1
    return at
