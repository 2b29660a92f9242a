"""The one source of the present time; tests put another in its place."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


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
