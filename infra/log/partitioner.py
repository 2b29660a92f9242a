"""Which partition a key belongs to: murmur2 of its 8 bytes, as Kafka's default partitioner does it.

Source: org.apache.kafka.common.utils.Utils#murmur2, with the sign bit cleared before the remainder is taken.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

NO_KEY = -1  # of a record on Kafka that is not ours

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF
_WORD = struct.Struct("<I")
_KEY = struct.Struct(">Q")
_CACHED_KEYS = 65_536  # about 8 MB; active authors repeat


def key_bytes(key: int) -> bytes:
    """Return the 8 bytes, big-endian, under which a record of this key is stored."""
    return _KEY.pack(key)


def keys_of(keys: Sequence[bytes | None]) -> list[int]:
    """Return the keys that these bytes stand for; NO_KEY for what is not 8 bytes."""
    try:
        if list(map(len, keys)).count(_KEY.size) == len(keys):  # type: ignore[arg-type]  # None: TypeError
            return list(struct.unpack(f">{len(keys)}Q", b"".join(keys)))  # type: ignore[arg-type]
    except TypeError:
        pass
    return [NO_KEY if key is None or len(key) != _KEY.size else _KEY.unpack(key)[0] for key in keys]


def murmur2(key: bytes) -> int:
    """Return the unsigned 32-bit murmur2 hash."""
    whole = len(key) & ~3
    h = _SEED ^ len(key)
    for (word,) in _WORD.iter_unpack(key[:whole]):
        k = word * _M & _MASK
        k = (k ^ k >> 24) * _M & _MASK
        h = (h * _M & _MASK) ^ k
    if tail := key[whole:]:
        h = (h ^ int.from_bytes(tail, "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return h ^ h >> 15


@lru_cache(maxsize=_CACHED_KEYS)
def partition_of(key: int, partitions: int) -> int:
    """Return the partition, 0 … partitions-1, of an entity's records."""
    return (murmur2(_KEY.pack(key)) & 0x7FFFFFFF) % partitions
