"""`murmur servers`: starts the servers of the cluster profile on this machine, tells of them, stops them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infra.servers.fleet import Fleet

servers_app = typer.Typer(help="Run the servers of the cluster profile on this machine.", no_args_is_help=True)

Data = Annotated[Path | None, typer.Option("--data", help="Data folder.  [default: setting data_dir, ./data]")]
Only = Annotated[str, typer.Option("--only", help="Only these, comma-separated.  [default: all]")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@servers_app.command()
def up(data: Data = None, only: Only = "", as_json: AsJson = False) -> None:
    """Start them, on free ports; return when all are ready."""
    from infra.servers.fleet import WANTED  # noqa: PLC0415

    fleet = _fleet(data)
    fleet.start(*(_named(only) or WANTED))
    _show(fleet, fleet.names(), as_json)


@servers_app.command()
def down(data: Data = None, only: Only = "", as_json: AsJson = False) -> None:
    """Stop them; what they keep stays."""
    fleet = _fleet(data)
    stopped = fleet.stop(*(_named(only) or fleet.names()))
    typer.echo(json.dumps(stopped) if as_json else f"stopped: {', '.join(stopped) or 'none ran'}")


@servers_app.command()
def status(data: Data = None, only: Only = "", as_json: AsJson = False) -> None:
    """Tell which run, where; exit code 1 where one of them does not."""
    fleet = _fleet(data)
    names = _named(only) or fleet.names()
    _show(fleet, names, as_json)
    raise typer.Exit(0 if all(fleet.alive(name) for name in names) else 1)


@servers_app.command()
def logs(
    data: Data = None,
    only: Only = "",
    lines: Annotated[int, typer.Option(min=1, help="How many of the last lines.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Print the last lines of each one's log."""
    fleet = _fleet(data)
    said = {name: fleet.log(name, lines) for name in _named(only) or fleet.names()}
    if as_json:
        typer.echo(json.dumps(said, indent=2))
        return
    for name, last in said.items():
        for line in last:
            typer.echo(f"{name}  {line}")


def _fleet(data: Path | None) -> Fleet:
    from infra.cli import settings_of  # noqa: PLC0415
    from infra.servers.fleet import of  # noqa: PLC0415

    return of(settings_of(data_dir=data))


def _named(only: str) -> list[str]:
    from infra.servers.fleet import server_of  # noqa: PLC0415

    names = [name.strip() for name in only.split(",") if name.strip()]
    for name in names:
        server_of(name)
    return names


def _show(fleet: Fleet, names: list[str], as_json: bool) -> None:
    """Print what runs, and the settings that point there."""
    rows = [fleet.facts(name) for name in names]
    told = fleet.environment()
    if as_json:
        typer.echo(json.dumps({"servers": rows, "environment": told}, indent=2))
        return
    for row in rows:
        where = f"{row['address']}  pid {row['pid']}  {row['memory_mb']} MB" if row["running"] else "not running"
        typer.echo(f"{row['name']:14} {row['version'] or '-':14} {where}")
    if not rows:
        typer.echo("no server was ever started here; `murmur servers up` starts them")
    for name, value in told.items():
        typer.echo(f"{name}={value}")
