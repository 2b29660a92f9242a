"""Ids: 63-bit Snowflakes inside, UUIDv7 outside, one pure mapping between them.

Layout, most significant first: 47 bits unix milliseconds, 8 bits sequence, 8 bits worker. `unix_ms << 16` is also how
Mastodon's ids read. As a UUIDv7 (RFC 9562 §5.7) the milliseconds fill `unix_ts_ms`, the low 16 bits stand at the head
of the random field (12 in rand_a, 4 at the top of rand_b) and the rest is zero: both forms sort by time alike.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NewType

if TYPE_CHECKING:
    from collections.abc import Callable

UserId = NewType("UserId", int)
TweetId = NewType("TweetId", int)

SEQUENCE_BITS = 8
WORKER_BITS = 8
LOW_BITS = SEQUENCE_BITS + WORKER_BITS
MAX_WORKER = (1 << WORKER_BITS) - 1
MAX_ID = (1 << 63) - 1
CLOCK_BACKWARD_LIMIT_MS = 5_000  # an NTP step is far below; more is a broken clock and ids must stop

_TAILS = {f"{low:x}": f"{0x8000 | low << 10:04x}-000000000000" for low in range(16)}
_OURS = re.compile(r"([0-9a-f]{8})-([0-9a-f]{4})-7([0-9a-f]{3})-([89ab][0-9a-f]{3})-000000000000")


class ClockWentBackError(Exception):
    """The clock stands further back than CLOCK_BACKWARD_LIMIT_MS: ids would no longer be ordered by time."""


def to_uuid(snowflake: int) -> str:
    """Write an id as the UUIDv7 of the public API."""
    digits = f"{snowflake:016x}"
    return f"{digits[:8]}-{digits[8:12]}-7{digits[12:15]}-{_TAILS[digits[15]]}"


def from_uuid(text: str) -> int | None:
    """Return the id that a UUID stands for, or None where it is not one of ours (any case is read)."""
    match = _OURS.fullmatch(text.lower())
    if match is None:
        return None
    tail = int(match[4], 16)
    if tail & 0x03FF or (ms := int(match[1], 16) << 16 | int(match[2], 16)) >> 47:
        return None
    return ms << LOW_BITS | int(match[3], 16) << 4 | (tail >> 10 & 0xF)


def unix_ms(snowflake: int) -> int:
    """Return the milliseconds since 1970 at which the id was made."""
    return snowflake >> LOW_BITS


def first_id_at(ms: int) -> int:
    """Return the smallest id of that millisecond: ids of earlier times are below it."""
    return ms << LOW_BITS


class SnowflakeGenerator:
    """Makes strictly increasing ids for one worker.

    `now_ms` gives unix milliseconds. When a millisecond's 256 ids are used up, ids borrow from the next one; a clock
    that steps back is waited out by standing on the last millisecond given, up to CLOCK_BACKWARD_LIMIT_MS.
    """

    def __init__(self, worker: int, now_ms: Callable[[], int]) -> None:
        if not 0 <= worker <= MAX_WORKER:
            raise ValueError(f"worker {worker} is not in 0..{MAX_WORKER}")
        self._worker = worker
        self._now_ms = now_ms
        self._ms = 0
        self._sequence = 0

    def next_id(self) -> int:
        """Return the next id at the clock's time."""
        return self.next_id_at(self._now_ms())

    def next_id_at(self, ms: int) -> int:
        """Return the next id for an event of that time: above every id given before.

        Raises ClockWentBackError where `ms` is too far behind the last id's time.
        """
        if ms > self._ms:
            self._ms, self._sequence = ms, 0
        else:
            if self._ms - ms > CLOCK_BACKWARD_LIMIT_MS:
                raise ClockWentBackError(f"the clock stands {self._ms - ms} ms before the last id given")
            self._sequence += 1
            if self._sequence >> SEQUENCE_BITS:
                self._ms, self._sequence = self._ms + 1, 0
        return self._ms << LOW_BITS | self._sequence << WORKER_BITS | self._worker
