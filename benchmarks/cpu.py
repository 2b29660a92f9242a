"""What a process has spent, and whether the machine is at rest, by the kernel's figures."""

from __future__ import annotations

import os
import time
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, in user mode and in the kernel, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def wait_for_rest(most: float = 0.15, seconds: float = 3.0, patience_s: float = 120.0) -> None:
    """Return when all together have used at most this share of the machine for some seconds, or out of patience.

    A JVM that was just started or filled compiles, flushes and compacts for a while: no part of what is measured.
    """
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        idle, total = _machine()
        time.sleep(seconds)  # the time over which the share is taken; nothing announces that a machine is at rest
        idle_now, total_now = _machine()
        if idle_now - idle >= (1 - most) * (total_now - total):
            return


def _machine() -> tuple[int, int]:
    """Return the ticks of all cores that nobody used, and all ticks, since the machine was started."""
    line, _, _ = Path("/proc/stat").read_text(encoding="ascii").partition("\n")
    ticks = [int(field) for field in line.split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)
