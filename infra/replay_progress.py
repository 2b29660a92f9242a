"""Tells how a replay goes on, for everybody who asks: a small file in the run folder, replaced as a whole.

Written by the replay at most every WRITE_SECONDS, read by the query API (GET /projections) and by metrics.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

FILE = "replay.json"
WRITE_SECONDS = 0.5


class ProjectionProgress(msgspec.Struct):
    """How far one projection is: `phase` is waiting, load, finish, verify, catch up, hand over, done or failed."""

    generation: int
    phase: str = "waiting"
    done: int = 0
    total: int = 0
    rate: float = 0.0  # records a second, over the last seconds
    eta_s: float | None = None
    behind: dict[str, int] = {}  # partition → records to go
    verified: bool | None = None  # None: not yet
    report: str = ""


class ReplayProgress(msgspec.Struct):
    """A replay: who runs it, since when, and how far it is."""

    pid: int
    began_at_ms: int
    told_at_ms: int
    projections: dict[str, ProjectionProgress]
    finished: bool = False


class ProgressFile:
    """Written by one replay."""

    def __init__(self, run_dir: Path) -> None:
        run_dir.mkdir(parents=True, exist_ok=True)
        self._path = run_dir / FILE
        self._began_at_ms = time.time_ns() // 1_000_000
        self._next_at = 0.0

    def write(self, projections: dict[str, ProjectionProgress], *, finished: bool = False) -> None:
        """Tell, unless it was told a moment ago; the end is always told."""
        if not finished and time.monotonic() < self._next_at:
            return
        self._next_at = time.monotonic() + WRITE_SECONDS
        told = ReplayProgress(os.getpid(), self._began_at_ms, time.time_ns() // 1_000_000, projections, finished)
        beside = self._path.with_suffix(f".{os.getpid()}")
        beside.write_bytes(msgspec.json.encode(told))
        beside.rename(self._path)


def read(run_dir: Path) -> ReplayProgress | None:
    """Return what the last replay told, or None where there was none."""
    try:
        return msgspec.json.decode((run_dir / FILE).read_bytes(), type=ReplayProgress)
    except (OSError, msgspec.MsgspecError):
        return None


def is_running(progress: ReplayProgress) -> bool:
    """Tell whether the replay goes on: it has not said its end, and its process lives or spoke a moment ago."""
    if progress.finished:
        return False
    try:
        os.kill(progress.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
