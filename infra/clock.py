"""The one source of the present time; tests put another in its place."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Tells the time."""

    def now_ms(self) -> int:
        """Return unix milliseconds."""


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Return unix milliseconds."""
        return time.time_ns() // 1_000_000


def rfc3339(ms: int) -> str:
    """Write unix milliseconds as RFC 3339 in UTC with milliseconds: 2026-11-23T05:19:56.123Z."""
    return f"{datetime.fromtimestamp(ms // 1000, UTC).isoformat()[:19]}.{ms % 1000:03d}Z"


def from_rfc3339(text: str) -> int | None:
    """Read an RFC 3339 time as unix milliseconds, what is finer cut off; None where it is none, or before 1970."""
    if not _RFC3339.fullmatch(text):
        return None
    try:
        ms = unix_ms(datetime.fromisoformat(text.upper()))
    except (ValueError, OverflowError):  # no such day, or hour
        return None
    return ms if ms >= 0 else None


def unix_ms(moment: datetime) -> int:
    """Return an aware time as unix milliseconds, exactly: a float would be off by one."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)
