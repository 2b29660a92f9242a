"""Walks the keys of a generation of home timelines in Redis, and deletes it, while others are read and written.

A slice is some thousand keys looked at and those of the generation unlinked: a millisecond or two of a primary, which
frees the memory beside. Killed anywhere, a repeat goes on with what is left.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from infra.redis_primaries import Command
from projections.home_timeline.redis_layout import unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.redis_primaries import Primaries

SLICE_KEYS = 1_000


def drop(primaries: Primaries, generation: int) -> int:
    """Delete all keys of a generation; return how many there were."""
    count = 0
    for primary in range(primaries.count):
        for keys in _slices(primaries, primary, generation):
            count += len(keys)
            primaries.run([Command(primary, ("UNLINK", *keys))])
    return count


def is_there(primaries: Primaries, generation: int) -> bool:
    """Tell whether there is a key of a generation."""
    return any(keys for primary in range(primaries.count) for keys in _slices(primaries, primary, generation))


def readers(primaries: Primaries, generation: int) -> list[int]:
    """Return who follows somebody, as far as a generation knows."""
    named = re.compile(rb"\{\d+\}:follows:g%d:(.{8})" % generation, re.DOTALL)
    slices = (keys for primary in range(primaries.count) for keys in _slices(primaries, primary, generation))
    return sorted({unpacked(found[1])[0] for keys in slices for key in keys if (found := named.fullmatch(key))})


def _slices(primaries: Primaries, primary: int, generation: int) -> Iterator[list[bytes]]:
    """Yield the keys of a generation; what else fits the pattern (an id has any bytes) is left out."""
    pattern = b"{*}:*:g%d:*" % generation
    named = re.compile(rb"\{\d+\}:[a-z_]+:g%d:" % generation)
    cursor = b"0"
    while True:
        cursor, found = primaries.run([Command(primary, ("SCAN", cursor, "MATCH", pattern, "COUNT", SLICE_KEYS))])[0]
        if keys := [key for key in found if named.match(key)]:
            yield keys
        if int(cursor) == 0:
            return
