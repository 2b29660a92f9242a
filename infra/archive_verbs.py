"""`murmur archive`: seals segments of the log into the object store, tells what is there, verifies it."""

from __future__ import annotations

import json
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.archive.port import Entry, StampedLog
    from infra.settings import Settings

archive_app = typer.Typer(help="Segments of the log in the object store.", no_args_is_help=True)

Data = Annotated[Path | None, typer.Option("--data", help="Data folder.  [default: setting data_dir, ./data]")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
MINUTE_SECONDS = 60


@archive_app.command()
def run(
    data: Data = None,
    now: Annotated[bool, typer.Option("--now", help="Seal all that is on the log, however little and young.")] = False,
    every: Annotated[int, typer.Option(min=0, help="Go on, once in so many minutes; 0: once.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Seal what is full or has waited, then cut the log behind it where retention says so."""
    from infra.archive import runs  # noqa: PLC0415
    from infra.trouble import TroubleError  # noqa: PLC0415

    settings = _settings(data)
    while True:
        try:
            with closing(_log(settings)) as log:
                ran = runs.run(settings, log, now=now, tell=lambda entry: _tell(entry, as_json=as_json))
            _say(ran.told.line(ran.told.at_ms), {"segments": len(ran.entries), "cut": ran.told.cut}, as_json=as_json)
        except TroubleError as error:
            if not every:
                raise
            typer.echo(f"murmur: {error}", err=True)
        if not every:
            return
        time.sleep(every * MINUTE_SECONDS)  # the schedule that was asked for; nothing is waited for


@archive_app.command("list")
def list_(
    data: Data = None,
    topic: Annotated[
        str | None, typer.Argument(help="Its segments.  [default: all topics, a line a partition]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what is archived, and from where on the log is kept."""
    from infra.archive import runs  # noqa: PLC0415
    from infra.cli import show  # noqa: PLC0415 - it imports this module

    settings = _settings(data)
    with closing(_log(settings)) as log:
        found = [it for it in runs.partitions(settings, log) if topic in {None, it["topic"]}]
    show(found, as_json, _segment_lines(found) if topic else _partition_lines(found))


@archive_app.command()
def verify(data: Data = None, as_json: AsJson = False) -> None:
    """Read all of it, and compare it with what the log has still; exit code 1 where something is wrong."""
    from infra.archive import runs  # noqa: PLC0415
    from infra.cli import show  # noqa: PLC0415 - as above

    settings = _settings(data)
    read: list[Entry] = []
    with closing(_log(settings)) as log:
        findings = runs.verify(settings, log, read.append)
    size = sum(it.bytes for it in read) / 1e6
    intact = f"{len(read):,} segments, {sum(it.records for it in read):,} records, {size:,.1f} MB: as they were written"
    lines = [it.problem for it in findings] or [intact]
    show([it._asdict() for it in findings], as_json, lines)
    raise typer.Exit(1 if findings else 0)


def _settings(data: Path | None) -> Settings:
    from infra.cli import settings_there  # noqa: PLC0415 - as above

    return settings_there(data)


def _log(settings: Settings) -> StampedLog:
    from infra.log import embedded  # noqa: PLC0415
    from infra.log_verbs import open_log  # noqa: PLC0415

    if settings.profile == "embedded" and embedded.path_of(settings.log_dir, "facts").exists():
        partitions = {topic: settings.partitions for topics in embedded.PARTS.values() for topic in topics}
        embedded.ensure(settings.log_dir, partitions)  # topics that the log is too old to have
    return open_log(settings)


def _tell(entry: Entry, *, as_json: bool) -> None:
    facts = {"object": entry.object, "topic": entry.topic, "partition": entry.partition}
    facts |= {"first_offset": entry.first_offset, "last_offset": entry.last_offset, "bytes": entry.bytes}
    _say(f"sealed {entry.name}: {entry.bytes / 1e6:.2f} MB", facts, as_json=as_json)


def _say(line: str, facts: dict[str, Any], *, as_json: bool) -> None:
    typer.echo(json.dumps(facts) if as_json else line)


def _partition_lines(found: Sequence[dict[str, Any]]) -> list[str]:
    return [
        f"{it['topic']}/{it['partition']}".ljust(18)
        + f"{len(it['segments']):>5} segments  archived to {it['archived_to']:>12,}"
        + f"  log {it['log_from']:,} to {it['log_to']:,}  {sum(s['bytes'] for s in it['segments']) / 1e6:,.2f} MB"
        for it in found
        if it["segments"] or it["log_to"]
    ] or ["the log is empty"]


def _segment_lines(found: Sequence[dict[str, Any]]) -> list[str]:
    from infra.clock import rfc3339  # noqa: PLC0415

    return [
        f"{it['topic']}/{it['partition']} {s['first_offset']:>12,} to {s['last_offset']:>12,}"
        f"  {rfc3339(s['first_ms'])} to {rfc3339(s['last_ms'])}  {s['bytes'] / 1e6:>7.2f} MB  {s['sha256'][:16]}"
        for it in found
        for s in it["segments"]
    ] or ["no segments"]
