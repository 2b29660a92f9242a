"""Runs the benchmarks named on the command line, or by default all of the embedded profile; `cluster` means its own.

All of a profile write their part of benchmarks/RESULTS.md and leave the other's. A module takes part by a function
`rows() -> list[Row]`; each runs in a process of its own.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import apsw

from benchmarks.row import Row

FOLDER = Path(__file__).parent
MODULES = (
    "records_through_agent",
    "projection_apply",
    "embedded_fanout",
    "home_timeline",
    "post_tweet",
    "delivery_latency",
    "live",
    "search",
    "trends",
    "replay",
    "replay_under_load",
)
CLUSTER_MODULES = (
    "kafka_agent",
    "cluster_post",
    "cluster_home",
    "cluster_delivery",
    "cql_apply",
    "redis_fanout",
    "cluster_search",
    "cluster_trends",
    "cluster_replay",
)
RESULTS = FOLDER / "RESULTS.md"
ON_SERVERS = "\n## On servers\n"
RUN_SECONDS = 900
_ROWS = """
import importlib, json, sys
rows = importlib.import_module("benchmarks." + sys.argv[1]).rows()
json.dump([row._asdict() for row in rows], open(sys.argv[2], "w"))
"""


def measure(module: str) -> list[Row]:
    """Run one module's rows() in a fresh process."""
    result = FOLDER.parent / "build" / f"bench-{module}.json"
    result.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-c", _ROWS, module, str(result)]
    subprocess.run(command, cwd=FOLDER.parent, check=True, timeout=RUN_SECONDS)
    return [Row(**row) for row in json.loads(result.read_text())]


def number(value: float) -> str:
    """Write a figure with three significant digits, thousands parted."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004


def table(rows: list[Row]) -> str:
    """Return the rows as Markdown."""
    lines = ["| what | measured | beside it, in the same run | goal |", "|---|--:|---|---|"]
    for row in rows:
        beside = " · ".join(f"{name} {number(value)}" for name, value in row.beside.items())
        lines.append(f"| {row.name} | {number(row.value)} {row.unit} | {beside} | {row.goal} |")
    return "\n".join(lines)


def machine() -> str:
    """Describe the machine in a line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, SQLite {apsw.sqlite_lib_version()}"
    )


def main() -> None:
    """Measure, print, write."""
    asked = sys.argv[1:]
    on_servers = asked == ["cluster"]
    chosen = CLUSTER_MODULES if on_servers else asked or MODULES
    rows = [row for module in chosen for row in measure(module)]
    print(table(rows))
    if on_servers or not asked:
        files, _, servers = RESULTS.read_text().partition(ON_SERVERS)
        part = f"\n{datetime.now(UTC):%Y-%m-%d}, {machine()}. Trust the ratios: machines are noisy.\n\n{table(rows)}\n"
        RESULTS.write_text(f"{files}{ON_SERVERS}{part}" if on_servers else f"# Results\n{part}{ON_SERVERS}{servers}")


if __name__ == "__main__":
    main()
