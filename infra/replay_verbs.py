"""`murmur replay` and `murmur audit`: go on as verbs of `python -m streams`, with the settings of what runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.priority import MOST, give_way

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Data = Annotated[Path | None, typer.Option("--data", help="Data folder.  [default: setting data_dir, ./data]")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON lines.")]
Sample = Annotated[
    int | None, typer.Option(min=0, help="Accounts, and tweets, recounted from the log; 0: all.  [default: 300]")
]


def replay(
    projections: Annotated[list[str], typer.Argument(metavar="PROJECTION…", help="Names of projections, or all.")],
    data: Data = None,
    until: Annotated[str | None, typer.Option(help="Build up to a time or positions, and freeze it there.")] = None,
    user: Annotated[
        str | None, typer.Option(help="Only put right, in place, what is held of this account: an id.")
    ] = None,
    promote: Annotated[bool, typer.Option("--promote/--no-promote", help="Let readers have it once verified.")] = True,
    force: Annotated[bool, typer.Option("--force", help="Promote although verification found differences.")] = False,
    changed: Annotated[
        bool, typer.Option("--changed", help="The rules have changed: differences to the live one are told, no more.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what it would read and take; do nothing.")] = False,
    from_archive: Annotated[
        bool, typer.Option("--from-archive", help="Read the archive as far as it goes, also what the log has.")
    ] = False,
    max_rate: Annotated[float, typer.Option(min=0, help="Records a second at most; 0: any.")] = 0.0,
    nice: Annotated[
        int,
        typer.Option(min=0, max=MOST, help="Give way to others, from 0 (not at all) to 19 (entirely)."),
    ] = MOST,
    processes: Annotated[int, typer.Option(min=0, max=64, help="Processes that build; 0: one a core.")] = 0,
    sample: Sample = None,
    as_json: AsJson = False,
) -> None:
    """Build projections anew from the log beside the live ones, verify them, and let readers have them."""
    arguments = [*projections, *_given({"--until": until, "--user": user, "--sample": sample})]
    arguments += [*_given({"--max-rate": max_rate, "--processes": processes}, unless=0), "--nice", str(nice)]
    flags = {"--no-promote": not promote, "--force": force, "--changed": changed, "--dry-run": dry_run}
    flags["--from-archive"] = from_archive
    if user is None:  # a repair holds up who writes the live rows
        give_way(nice)
    _become(data, ["replay", *arguments, *(name for name, on in flags.items() if on), *(["--json"] if as_json else [])])


def audit(
    projection: Annotated[str, typer.Argument(help="The projection.")],
    data: Data = None,
    repair: Annotated[bool, typer.Option("--repair", help="Put wrong rows right, where that can be.")] = False,
    sample: Sample = None,
    as_json: AsJson = False,
) -> None:
    """Compare every row of a live projection with the log; exit code 1 where something differs."""
    given = _given({"--sample": sample})
    if not repair:  # which holds up who writes the live rows
        give_way(MOST)
    _become(data, ["audit", projection, *given, *(["--repair"] if repair else []), *(["--json"] if as_json else [])])


def _given(values: Mapping[str, Any], unless: Any = None) -> list[str]:
    return [part for name, value in values.items() if value != unless for part in (name, str(value))]


def _become(data: Path | None, arguments: list[str]) -> None:
    from infra.cli import become, settings_there  # noqa: PLC0415 - it imports this module

    become(settings_there(data), "streams", arguments)


verbs: tuple[Callable[..., None], ...] = (replay, audit)
