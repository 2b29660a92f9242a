"""An archive under way: takes files in pieces, gives its bytes away in parts, and can be gone on with after any part.

Guarantee:  holds what was taken since the last part, deflated; parts one after the other are a ZIP. Each part's share
            of a file is deflated by itself, so that whoever goes on needs nothing of what stands before
"""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from commands.privacy import zip_pieces
from commands.privacy.zip_pieces import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable

RAW_DEFLATE = -zlib.MAX_WBITS
CHUNK = 1 << 20


class Standing(msgspec.Struct, frozen=True):
    """How far an archive has come: its bytes, its files, and the one that is open."""

    at: int = 0
    entries: int = 0
    entry: Entry | None = None


class Cut(NamedTuple):
    """What came since the last part, and the files that ended in it."""

    content: bytes
    closed: list[Entry]
    standing: Standing


class Packing:
    """Makes an archive, from how far it had come."""

    def __init__(self, since: Standing, raw_digest: hashlib._Hash | None = None) -> None:
        """Go on; `raw_digest` is the digest of what the open file has so far."""
        self.entry = since.entry and msgspec.structs.replace(since.entry)
        self.taken = 0
        self.entries = since.entries
        self._at = since.at
        self._digest = raw_digest or hashlib.sha256()
        self._deflating: zlib._Compress | None = None
        self._pieces: list[bytes] = []
        self._closed: list[Entry] = []

    @property
    def at(self) -> int:
        """Return how many bytes the archive has; meaningful while no file is open."""
        return self._at

    def begin(self, name: str, *, level: int = 6, records: int | None = None) -> None:
        """Open a file."""
        self.entry = Entry(name, self._at, level, records=records)
        self._digest = hashlib.sha256()
        self.put(zip_pieces.before(self.entry))

    def add(self, raw: bytes, records: int = 0) -> None:
        """Add to the open file."""
        entry = self._open()
        entry.bytes += len(raw)
        entry.crc = zlib.crc32(raw, entry.crc)
        if entry.records is not None:
            entry.records += records
        self._digest.update(raw)
        self.taken += len(raw)
        self._packed(self._deflater(entry).compress(raw))

    def end(self) -> None:
        """Close the file."""
        entry = self._open()
        self._packed(self._deflater(entry).flush(zlib.Z_FINISH))
        self._deflating = None
        entry.sha256 = self._digest.hexdigest()
        self.put(zip_pieces.after(entry))
        self._closed.append(entry)
        self.entries += 1
        self.entry = None

    def put(self, content: bytes) -> None:
        """Add what is of the archive itself."""
        self.taken += len(content)
        self._append(content)

    def cut(self) -> Cut:
        """Return what came since the last time, which is let go of."""
        if self.entry is not None and self._deflating is not None:
            self._packed(self._deflating.flush(zlib.Z_SYNC_FLUSH))
            self._deflating = None
        standing = Standing(self._at, self.entries, self.entry and msgspec.structs.replace(self.entry))
        found = Cut(b"".join(self._pieces), self._closed, standing)
        self._pieces, self._closed, self.taken = [], [], 0
        return found

    def _open(self) -> Entry:
        if self.entry is None:
            raise ValueError("no file is open")
        return self.entry

    def _deflater(self, entry: Entry) -> zlib._Compress:
        if self._deflating is None:
            self._deflating = zlib.compressobj(entry.level, zlib.DEFLATED, RAW_DEFLATE)
        return self._deflating

    def _packed(self, content: bytes) -> None:
        self._open().packed += len(content)
        self._append(content)

    def _append(self, content: bytes) -> None:
        self._at += len(content)
        self._pieces.append(content)


def digest_of(deflated: Iterable[bytes]) -> hashlib._Hash:
    """Return the digest of what a file has so far, from its deflated bytes; raises zlib.error where they are none."""
    digest, inflating = hashlib.sha256(), zlib.decompressobj(RAW_DEFLATE)
    for chunk in deflated:
        digest.update(inflating.decompress(chunk, CHUNK))
        while inflating.unconsumed_tail:
            digest.update(inflating.decompress(inflating.unconsumed_tail, CHUNK))
    return digest
