"""Waits for conditions outside the process, which nothing can announce: a file, a pid, an answer of another process."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PAUSE_SECONDS = 0.05  # between two looks; it only spares the processor
BOUND_SECONDS = 60.0


def until(condition: Callable[[], object], seconds: float = BOUND_SECONDS) -> None:
    """Return as soon as the condition holds; fail where it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"the condition did not come true within {seconds:.0f} s"
        time.sleep(PAUSE_SECONDS)


async def soon(condition: Callable[[], object], seconds: float = BOUND_SECONDS) -> None:
    """Return as soon as the condition holds, letting the event loop go on meanwhile; fail where it does not in time."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.005)
