"""Tells what a replay would read and what it would take, and does nothing."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from infra.archive.opening import archived
from infra.auth.seals import seals_on_files
from infra.log import embedded
from infra.sqlite.projection_store import generation_path
from infra.trouble import TroubleError
from schemas import codec
from streams.replay.kinds import KINDS
from streams.replay.options import processes_of
from streams.replay.plan import estimates, measured_decode_us, shared_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.archive.reader import ArchivedLog
    from infra.log.port import LogReader
    from infra.settings import Settings
    from streams.parts import Projection
    from streams.replay.options import Options
    from streams.replay.plan import Estimate

MB = 1_000_000


def opened_log(settings: Settings, *, prefer_archive: bool = False) -> ArchivedLog:
    """Open the log and its archive, with topics that it is too old to have made; raises TroubleError without a log."""
    if not embedded.path_of(settings.log_dir, "facts").exists():
        raise TroubleError(f"there is no log in {settings.log_dir}", "name the data folder with --data")
    partitions = {topic: settings.partitions for topics in embedded.PARTS.values() for topic in topics}
    embedded.ensure(settings.log_dir, partitions)
    codec.open_with(seals_on_files(settings))
    return archived(settings, embedded.EmbeddedLogReader(settings.log_dir), prefer_archive=prefer_archive)


def dry_run(settings: Settings, log: LogReader, projections: Sequence[Projection], options: Options) -> int:
    """Print the estimates, as JSON or for people; return the exit code."""
    ends = log.end_offsets(sorted({topic for it in projections for topic in it.topics}))
    groups = shared_out(projections, KINDS, ends, processes_of(options))
    sizes = {it.name: _size(settings, it) for it in projections}
    found = estimates(projections, KINDS, ends, groups, sizes, measured_decode_us(log, ends))
    if options.max_rate:
        read = sum(end for place, end in ends.items())
        found = [it._replace(seconds=max(it.seconds, read / options.max_rate)) for it in found]
    if options.as_json:
        sys.stdout.write(json.dumps([it._asdict() for it in found]) + "\n")
        return 0
    sys.stdout.write("".join(f"{_line(it)}\n" for it in found))
    told = f"together: {max(it.seconds for it in found):.0f} s in {len(groups)} processes"
    sys.stdout.write(f"{told}, {sum(it.bytes for it in found) / MB:,.0f} MB of disk\n")
    return 0


def _line(it: Estimate) -> str:
    return f"{it.projection:14} {it.records:>12,} records  {it.seconds:>7.0f} s  {it.bytes / MB:>9,.0f} MB"


def _size(settings: Settings, projection: Projection) -> int:
    """Return the size of the newest file that there is of a projection; it is what a new one will have."""
    files = generation_path(settings.projections_dir, projection.name).parent.glob("g*.db")
    return max((it.stat().st_size for it in files), default=0)
