"""Files that were made to hurt: mutated images and videos, archives, polyglots, bombs; all from a seed."""

from __future__ import annotations

import gzip
import io
import random
import struct
import tarfile
import zipfile
import zlib
from typing import TYPE_CHECKING

from tests.pictures import image_file, moving, video_file, with_metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 65_535 * 65_535 & 0xFFFFFFFF)
SIDE = 60_000
"""Of a bomb: 3.6 thousand million pixels."""


def samples() -> list[bytes]:
    """What mutants are made of: a file of each kind that is taken."""
    images = [image_file(it) for it in ("image/jpeg", "image/png", "image/webp", "image/gif", "image/avif")]
    videos = [video_file(seconds=0.5), video_file("mov", seconds=0.5), video_file("webm", "libvpx", seconds=0.5)]
    return [*images, with_metadata(6), moving(), *videos]


def archives() -> list[bytes]:
    """Archives, of which none is an image, and one is a bomb."""
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../../../etc/cron.d/evil", b"\0" * (4 << 20))
    with tarfile.open(fileobj=tarred, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("/etc/passwd"), io.BytesIO())
    return [zipped.getvalue(), tarred.getvalue(), gzip.compress(b"\0" * (4 << 20)), b"PK\x05\x06" + b"\0" * 18]


def polyglots() -> list[bytes]:
    """Files that are two things at once."""
    html = b"<script>alert(document.domain)</script>"
    archive, jpeg, gif, png = archives()[0], image_file(), image_file("image/gif"), image_file("image/png")
    scripted = b"GIF89a/*" + gif[8:] + b"*/=1;alert(1)"
    return [jpeg + archive, png + html, gif + html, scripted, b"\xff\xd8\xff" + html, html + jpeg, b"%PDF-1.7\n" + png]


def bombs() -> list[bytes]:
    """Small files that say to be enormous, or are when they are unpacked."""
    return [
        _png(SIDE, SIDE, zlib.compress(b"\0" * (4 << 20))),
        _png(16_000, 2_400, zlib.compress(b"\0" * 100)),
        _png(6_000, 6_000, zlib.compress(b"\0" * (6_001 * 3 * 6_000), 9)),  # 108 MB of pixels in 100 KB: that is taken
        _png(64, 64, zlib.compress(b"\0" * (64 << 20), 9)),
        _chunked(b"zTXt", b"a\0\0" + zlib.compress(b"\0" * (64 << 20), 9)),
        b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0) + image_file("image/gif")[13:],
        image_file("image/webp")[:24] + b"\xff\x3f\xff\x3f" + image_file("image/webp")[28:],
        video_file()[:40] + b"\xff" * 40 + video_file()[80:],
    ]


def _png(width: int, height: int, pixels: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + _header(width, height) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _chunked(name: bytes, content: bytes) -> bytes:
    pixels = zlib.compress((b"\0" + b"\x7f" * 24) * 8)
    return b"\x89PNG\r\n\x1a\n" + _header(8, 8) + _chunk(name, content) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _header(width: int, height: int) -> bytes:
    return _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def mutants(count: int, seed: int) -> Iterator[bytes]:
    """So many files, the same for a seed: those made by hand, then mutations of samples."""
    made = [*archives(), *polyglots(), *bombs(), b"", b"\xff", b"RIFF\0\0\0\0WEBP", b"\x1aE\xdf\xa3webm"]
    yield from made[:count]
    rng, sources = random.Random(seed), samples()
    for _ in range(count - len(made)):
        mutant = rng.choice(sources)
        for _ in range(rng.choice((1, 1, 2, 3, 8))):
            mutant = rng.choice(_MUTATIONS)(mutant, rng, sources)
        yield mutant


def _flip(content: bytes, rng: random.Random, __: list[bytes]) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 2, 16))):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _number(content: bytes, rng: random.Random, _: list[bytes]) -> bytes:
    at, order, size = rng.randrange(max(1, len(content))), rng.choice(("big", "little")), rng.choice((2, 4))
    number = rng.choice(INTERESTING) & (1 << 8 * size) - 1
    return content[:at] + number.to_bytes(size, order) + content[at + size :]  # type: ignore[arg-type]  # one of two words


def _cut(content: bytes, rng: random.Random, _: list[bytes]) -> bytes:
    return content[: rng.randrange(max(1, len(content)))]


def _drop(content: bytes, rng: random.Random, _: list[bytes]) -> bytes:
    at = rng.randrange(max(1, len(content)))
    return content[:at] + content[at + rng.randrange(1, 64) :]


def _repeat(content: bytes, rng: random.Random, _: list[bytes]) -> bytes:
    at, size = rng.randrange(max(1, len(content))), rng.randrange(1, 256)
    return content[: at + size] + content[at:]


def _blank(content: bytes, rng: random.Random, _: list[bytes]) -> bytes:
    at, size = rng.randrange(max(1, len(content))), rng.randrange(1, 64)
    return content[:at] + rng.choice((b"\0", b"\xff")) * size + content[at + size :]


def _splice(content: bytes, rng: random.Random, sources: list[bytes]) -> bytes:
    other = rng.choice(sources)
    return content[: rng.randrange(max(1, len(content)))] + other[rng.randrange(len(other)) :]


_MUTATIONS: tuple[Callable[[bytes, random.Random, list[bytes]], bytes], ...] = (
    *(_flip, _flip, _flip, _number, _number),
    *(_cut, _drop, _repeat, _blank, _splice),
)
