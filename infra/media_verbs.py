"""`murmur media`: what an operator does about media, while everything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

media_app = typer.Typer(help="Images and videos.", no_args_is_help=True)

Data = Annotated[Path | None, typer.Option("--data", help="Data folder.  [default: setting data_dir, ./data]")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be deleted, and delete nothing.")]
Days = Annotated[int, typer.Option(min=1, max=36500, help="How far back to look.")]


@media_app.callback()
def _about() -> None:
    """Images and videos."""


@media_app.command()
def gc(data: Data = None, days: Days = 7, dry_run: DryRun = False) -> None:
    """Delete uploads that nothing has, media of deleted tweets, and objects that belong to nothing."""
    from infra.cli import become, settings_there  # noqa: PLC0415 - it imports this module

    flags = ["--dry-run"] if dry_run else []
    become(settings_there(data), "commands", ["media", "gc", "--days", str(days), *flags])
