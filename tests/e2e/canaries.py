"""Words that are planted, and found again wherever they are left: in any file, in any of the forms that files have."""

from __future__ import annotations

import base64
import gzip
import io
import secrets
import zipfile
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

import fastavro
from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

BYTES = 10
TOLD_BY = 14
"""Last characters of a canary that tell it: full-text indices leave out what a word shares with the one before it."""
AVRO, ZSTD, GZIP, ZIP = b"Obj\x01", b"\x28\xb5\x2f\xfd", b"\x1f\x8b\x08", b"PK\x03\x04"


class Canaries:
    """What must not be found, by where it was planted."""

    def __init__(self) -> None:
        self.planted: dict[str, str] = {}
        self._bytes: dict[str, bytes] = {}

    def new(self, where: str, shape: str = "{}") -> str:
        """Return a text of that shape with a new canary in it."""
        canary = secrets.token_hex(BYTES)
        self.planted[f"{where} ({len(self.planted)})"] = canary
        return shape.format(canary)

    def add(self, where: str, content: bytes) -> None:
        """Have bytes that are no text found, too, as they are."""
        self._bytes[where] = content

    def found_in(self, folder: Path) -> dict[str, list[str]]:
        """Return where canaries are found, and in which files."""
        return self.found(_files(folder))

    def found(self, held: Iterable[tuple[str, bytes]]) -> dict[str, list[str]]:
        """Return where canaries are found, and in which of what is held."""
        forms = {where: tuple(_forms(canary[-TOLD_BY:])) for where, canary in self.planted.items()}
        forms |= {where: (content,) for where, content in self._bytes.items()}
        found: dict[str, list[str]] = {}
        for name, raw in held:
            contents = list(_contents(raw))
            for where, those in forms.items():
                if any(form in content for content in contents for form in those):
                    found.setdefault(where, []).append(name)
        return found


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        with suppress(FileNotFoundError, IsADirectoryError):  # a file may go while others are read
            yield str(path.relative_to(folder)), path.read_bytes()


def _forms(text: str) -> Iterator[bytes]:
    yield text.encode()
    yield text.upper().encode()
    yield text.encode("utf-16-le")
    yield text.encode("utf-16-be")
    for before in range(3):  # what stands before it decides at which of three alignments its letters are
        encoded = base64.b64encode(b"\0" * before + text.encode())
        yield encoded[4 if before else 0 : -4]


def _contents(raw: bytes, depth: int = 0) -> Iterator[bytes]:
    """Yield the bytes, and what is packed anywhere in them."""
    yield raw
    if depth > 2:
        return
    if raw.startswith(AVRO):
        for record in fastavro.reader(io.BytesIO(raw)):
            yield repr(record).encode()
            yield from (value for value in record.values() if isinstance(value, bytes))
    for packed in (*_gzipped(raw), *_frames(raw), *_zipped(raw)):
        yield from _contents(packed, depth + 1)


def _gzipped(raw: bytes) -> Iterator[bytes]:
    at = raw.find(GZIP)
    while at >= 0:
        unpacking = zlib.decompressobj(16 + zlib.MAX_WBITS)
        with suppress(zlib.error):  # three bytes may only look like a beginning
            yield unpacking.decompress(raw[at:], 1 << 26)
        at = raw.find(GZIP, at + 1)


def _frames(raw: bytes) -> Iterator[bytes]:
    at = raw.find(ZSTD)
    while at >= 0:
        with suppress(zstd.ZstdError):  # four bytes may only look like a beginning
            yield zstd.ZstdDecompressor().decompress(raw[at:])
        at = raw.find(ZSTD, at + 1)


def _zipped(raw: bytes) -> Iterator[bytes]:
    """Yield what is deflated in files of a ZIP, whole or cut off: the rest of a file may begin a part of an export."""
    starts, at = [0], raw.find(ZIP)
    while at >= 0:
        starts.append(at + 30 + sum(int.from_bytes(raw[at + it : at + it + 2], "little") for it in (26, 28)))
        at = raw.find(ZIP, at + 1)
    for start in starts:
        with suppress(zlib.error):  # four bytes may only look like a beginning
            yield zlib.decompressobj(-zlib.MAX_WBITS).decompress(raw[start:], 1 << 26)


def in_all_forms(text: str) -> Iterator[bytes]:
    """Yield a text in every form in which it has to be found: to try the search itself."""
    yield text.encode()
    yield text.encode("utf-16")
    yield from (base64.b64encode(b"x" * before + text.encode() + b"yz") for before in range(3))
    yield b"before" + gzip.compress(text.encode()) + b"behind"
    yield b"before" + zstd.compress(text.encode() * 3)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("name", text * 3)
    yield packed.getvalue()
    yield b"before" + packed.getvalue()[:-22]


def cut_off(text: str) -> bytes:
    """Return what a part of an export begins with that goes on with a file: deflated, without any mark."""
    deflating = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflating.compress(text.encode() * 3) + deflating.flush(zlib.Z_SYNC_FLUSH)
