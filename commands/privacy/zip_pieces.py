"""The pieces of a ZIP that is written from its beginning to its end, and may be left and gone on with in between.

Lengths and checksums follow each file, so that nothing that was written is touched again. Every length is one of 64
bits. All is deflated, what is packed already at level 0. Source of the layouts: APPNOTE.TXT 6.3.10, PKWARE Inc.
"""

from __future__ import annotations

from struct import pack

import msgspec

VERSION = 45  # the first with lengths of 64 bits
FLAGS = 0x0808  # lengths and checksum follow the file; the name is UTF-8
DEFLATED = 8
NEW_YEAR_1980 = 0x0021_0000  # date and time: the earliest that there is
SHORT, LONG = 0xFFFF, 0xFFFFFFFF  # "see the 64 bits"
OWNERS_ONLY = 0o100600 << 16
MADE_ON_UNIX = 3 << 8


class Entry(msgspec.Struct):
    """One file of an archive, as far as it has come."""

    name: str
    offset: int
    level: int = 6
    bytes: int = 0
    packed: int = 0
    crc: int = 0
    records: int | None = None
    sha256: str = ""
    cut_off: bool = False

    @property
    def begins(self) -> int:
        """Return where in the archive its deflated bytes begin."""
        return self.offset + len(before(self))


def before(entry: Entry) -> bytes:
    """Return what stands before the bytes of a file."""
    name = entry.name.encode()
    head = pack(
        "<4s5HIII2H", b"PK\x03\x04", VERSION, FLAGS, DEFLATED, *_time(), 0, LONG, LONG, len(name), 20
    )  # fmt: skip
    return head + name + pack("<2H2Q", 1, 16, 0, 0)


def after(entry: Entry) -> bytes:
    """Return what stands behind the bytes of a file."""
    return pack("<4sI2Q", b"PK\x07\x08", entry.crc, entry.packed, entry.bytes)


def listed(entry: Entry) -> bytes:
    """Return a file's place in the directory at the end."""
    name = entry.name.encode()
    head = pack(
        "<4s6HIII5HII", b"PK\x01\x02", MADE_ON_UNIX | VERSION, VERSION, FLAGS, DEFLATED, *_time(), entry.crc,
        LONG, LONG, len(name), 28, 0, 0, 0, OWNERS_ONLY, LONG,
    )  # fmt: skip
    return head + name + pack("<2H3Q", 1, 24, entry.bytes, entry.packed, entry.offset)


def end(entries: int, start: int, stop: int) -> bytes:
    """Return what ends an archive whose directory has so many entries and stands there."""
    size = stop - start
    whole = pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, MADE_ON_UNIX | VERSION, VERSION, 0, 0, entries, entries, size, start)
    where = pack("<4sIQI", b"PK\x06\x07", 0, stop, 1)
    few = min(entries, SHORT)
    return whole + where + pack("<4s4H2IH", b"PK\x05\x06", 0, 0, few, few, LONG, LONG, 0)


def _time() -> tuple[int, int]:
    return NEW_YEAR_1980 & SHORT, NEW_YEAR_1980 >> 16
