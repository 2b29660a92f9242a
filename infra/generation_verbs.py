"""`murmur generations`: goes on as `python -m streams generations`, with the settings of what runs on the folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.priority import MOST, give_way

if TYPE_CHECKING:
    from collections.abc import Sequence

generations_app = typer.Typer(help="Builds of projections, and which one is read.", no_args_is_help=True)

Data = Annotated[Path | None, typer.Option("--data", help="Data folder.  [default: setting data_dir, ./data]")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
OfProjection = Annotated[str, typer.Argument(metavar="PROJECTION", help="Name of a projection.")]
Number = Annotated[int, typer.Argument(metavar="GENERATION", help="Its number.")]
Force = Annotated[bool, typer.Option("--force", help="Also where it is not verified, or behind; it is written down.")]


@generations_app.command("list")
def list_(data: Data = None, as_json: AsJson = False) -> None:
    """Tell which builds of each projection there are, how each is, and which one is read."""
    _become(data, ["list", *(["--json"] if as_json else [])])


@generations_app.command()
def promote(projection: OfProjection, generation: Number, data: Data = None, force: Force = False) -> None:
    """Let readers have a generation, within a second."""
    _become(data, ["promote", projection, str(generation), *(["--force"] if force else [])])


@generations_app.command()
def rollback(projection: OfProjection, data: Data = None, force: Force = False) -> None:
    """Let readers have the generation before."""
    _become(data, ["rollback", projection, *(["--force"] if force else [])])


@generations_app.command()
def drop(projection: OfProjection, generation: Number, data: Data = None) -> None:
    """Delete one generation that is not read; also one that is half built, or frozen for ?as_of."""
    _become(data, ["drop", projection, str(generation)])


@generations_app.command()
def gc(
    data: Data = None,
    keep: Annotated[int, typer.Option(min=0, help="Generations kept beside the active one.")] = 1,
    frozen: Annotated[bool, typer.Option("--frozen", help="Also those of moments, for ?as_of.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be deleted.")] = False,
) -> None:
    """Delete generations that are not needed any more."""
    give_way(MOST)
    flags = [*(["--frozen"] if frozen else []), *(["--dry-run"] if dry_run else [])]
    _become(data, ["gc", "--keep", str(keep), *flags])


def _become(data: Path | None, arguments: Sequence[str]) -> None:
    from infra.cli import become, settings_there  # noqa: PLC0415 - it imports this module

    become(settings_there(data), "streams", ["generations", *arguments])
