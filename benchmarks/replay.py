"""Everything built anew from the log of the Higgs file and verified beside what is live: `python -m benchmarks.replay`.

Loaded is the whole file, or the rows that REPLAY_BENCH_ROWS says; what the stream workers take for it stands beside. So
does the ceiling: one process that reads and decodes the log and does nothing else. The rate counts the CPU time of all
processes of the replay, from their start to their end, as if two cores had nothing else to do; that by the clock stands
beside it, and the most memory of a process: of its own, and of files that the system has mapped for it.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.row import Row
from infra.log.embedded import EmbeddedLogReader
from infra.settings import Settings
from schemas.catalogue import FACT_TOPICS
from schemas.codec import decode

ROOT = Path(__file__).parent.parent
HIGGS = Path(os.environ.get("MURMURATION_DATA", ROOT.parent / "shared" / "data")) / "higgs-activity_time.txt.gz"
ROWS = int(os.environ.get("REPLAY_BENCH_ROWS", "0"))
CORES = 2
LOAD_SECONDS, REPLAY_SECONDS = 800.0, 400.0
READ_RECORDS = 10_000
LOOK_SECONDS = 0.2
MB = 1e6
_MEMORY = re.compile(r"Rss(Anon|File):\s+(\d+) kB")


class Replayed(NamedTuple):
    """What a replay took: by the clock, of processors, and megabytes of one process at most, by their kind."""

    seconds: float
    cpu_seconds: float
    anon_mb: float
    mapped_mb: float


def run(settings: Settings, *arguments: str, seconds: float) -> list[str]:
    """Run a verb on the data folder; return what it printed."""
    environment = {**settings.environment(), "MURMURATION_RATE_LIMITS": "off", "MURMURATION_LOG_LEVEL": "WARNING"}
    command = [sys.executable, "-m", "infra.cli", *arguments, "--data", str(settings.data_dir), "--json"]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, timeout=seconds, check=True
    )
    return ended.stdout.splitlines()


def load(settings: Settings) -> float:
    """Load the file with everything live; return the events a second that all projections had applied in the end."""
    limit = ["--limit", str(ROWS)] if ROWS else []
    told: dict[str, Any] = json.loads(
        run(settings, "load", "higgs", str(HIGGS), "--active", *limit, seconds=LOAD_SECONDS)[-1]
    )
    return float(told["events_per_s"])


def plain(settings: Settings) -> tuple[int, float]:
    """Read and decode the log; return how many events there are, and the CPU time of one in microseconds."""
    events, began = 0, time.process_time()
    with closing(EmbeddedLogReader(settings.log_dir)) as log:
        for place, end in log.end_offsets(FACT_TOPICS).items():
            at = 0
            while at < end and (batch := log.read(*place, at, READ_RECORDS)):
                events += len([decode(value) for value in batch.values])
                at = batch.next_offset
    return events, (time.process_time() - began) / max(1, events) * 1e6


class Watch(threading.Thread):
    """Looks at the memory of the processes that build in a data folder, while they run."""

    def __init__(self, data: Path) -> None:
        super().__init__(daemon=True)
        self._data = str(data).encode()
        self.most = {"Anon": 0.0, "File": 0.0}
        self._over = threading.Event()

    def run(self) -> None:
        """Look until told to end."""
        while not self._over.wait(LOOK_SECONDS):
            for folder in Path("/proc").glob("[0-9]*"):
                with suppress(OSError):
                    builds = b"streams.replay.process" in (folder / "cmdline").read_bytes()
                    if builds and self._data in (folder / "environ").read_bytes():
                        for kind, kb in _MEMORY.findall((folder / "status").read_text()):
                            self.most[kind] = max(self.most[kind], int(kb) * 1024 / MB)

    def end(self) -> None:
        """Stop looking."""
        self._over.set()
        self.join()


def replayed(settings: Settings) -> Replayed:
    """Build all anew, verified but not promoted."""
    watch = Watch(settings.data_dir)
    watch.start()
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    told = json.loads(run(settings, "replay", "all", "--no-promote", seconds=REPLAY_SECONDS)[-1])
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    watch.end()
    wrong = {name: it["report"] for name, it in told["projections"].items() if not it["verified"]}
    if wrong:
        raise RuntimeError(str(wrong))
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Replayed(took, cpu, watch.most["Anon"], watch.most["File"])


def measured(settings: Settings, live: float) -> list[Row]:
    """Return the row of a data folder that is loaded."""
    events, decode_us = plain(settings)
    found = replayed(settings)
    rate = CORES * events / found.cpu_seconds
    beside = {
        "events": events,
        "by the clock": events / found.seconds,
        "plain reading and decoding, one core": 1e6 / decode_us,
        "of the ceiling, % of two cores that only read and decode": 100 * rate * decode_us / 1e6 / CORES,
        "live": live,
        "times live": rate / live if live else float("nan"),
        "CPU µs an event": found.cpu_seconds / events * 1e6,
        "MB of a process": found.anon_mb,
        "MB of mapped files": found.mapped_mb,
    }
    goal = "at least 50,000 (goal 100,000), 5 times live"
    return [Row("replay of all projections, verified, two cores", rate, "events/s", beside, goal)]


def rows() -> list[Row]:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        return measured(settings, load(settings))


if __name__ == "__main__":
    for row in rows() if len(sys.argv) == 1 else measured(Settings(data_dir=Path(sys.argv[1])), 0.0):
        print(row)
