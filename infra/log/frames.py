"""How a batch of records stands in one row of the embedded log, and the checksum over it.

A frame is, per record, 8 bytes key and 4 bytes length (big-endian) followed by the value. The checksum is the CRC-32
of the batch's coordinates and frames together, so that a row that is moved, swapped or cut short is found as well.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.log.port import Record

_FRAME = struct.Struct(">QI")
_COORDINATES = struct.Struct(">QIq")


def pack(records: Sequence[Record]) -> bytes:
    """Return the frames of the records, one after the other."""
    return b"".join([_FRAME.pack(record.key, len(record.value)) + record.value for record in records])


def unpack(frames: bytes, count: int) -> tuple[list[int], list[bytes]]:
    """Return the keys and values of `count` frames; raises ValueError where the bytes do not add up."""
    keys, values, at = [], [], 0
    try:
        for _ in range(count):
            key, length = _FRAME.unpack_from(frames, at)
            at += _FRAME.size
            keys.append(key)
            values.append(frames[at : at + length])
            at += length
    except struct.error as error:
        raise ValueError(str(error)) from error
    if at != len(frames):
        raise ValueError(f"{len(frames)} bytes of frames, {at} expected")
    return keys, values


def checksum(row_id: int, count: int, appended_at_ms: int, frames: bytes) -> int:
    """Return the unsigned CRC-32 of a row."""
    return crc32(frames, crc32(_COORDINATES.pack(row_id, count, appended_at_ms)))
