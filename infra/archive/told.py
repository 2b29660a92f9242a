"""What the last run of the archiver told: a small file in the run folder, replaced as a whole.

Read by `murmur status`, `murmur doctor` and the metrics of the query API, which then need not ask the object store.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

FILE = "archive.json"


class TopicTold(msgspec.Struct):
    """How far a topic is archived: records in the archive, records of the log that are not, segments, bytes."""

    archived: int = 0
    waiting: int = 0
    segments: int = 0
    bytes: int = 0


class Told(msgspec.Struct):
    """How a run ended, when (unix milliseconds); `error` is empty where all went well."""

    at_ms: int
    topics: dict[str, TopicTold]
    cut: int = 0
    error: str = ""

    def line(self, now_ms: int) -> str:
        """Return it for people."""
        archived = sum(it.archived for it in self.topics.values())
        waiting = sum(it.waiting for it in self.topics.values())
        size = sum(it.bytes for it in self.topics.values()) / 1e6
        minutes = max(0, now_ms - self.at_ms) // 60_000
        failed = f"; FAILED: {self.error}" if self.error else ""
        return f"{archived:,} records, {size:,.1f} MB; {waiting:,} not yet; {minutes:,} minutes ago{failed}"


def write(run_dir: Path, told: Told) -> None:
    """Put it in the place of what was told before."""
    run_dir.mkdir(parents=True, exist_ok=True)
    beside = run_dir / f"{FILE}.{os.getpid()}"
    beside.write_bytes(msgspec.json.encode(told))
    beside.rename(run_dir / FILE)


def read(run_dir: Path) -> Told | None:
    """Return what the last run told, or None where there was none."""
    try:
        return msgspec.json.decode((run_dir / FILE).read_bytes(), type=Told)
    except (OSError, msgspec.MsgspecError):
        return None
