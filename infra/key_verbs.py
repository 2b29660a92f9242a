"""`murmur keys`: the keys that sign access tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

keys_app = typer.Typer(help="The keys that sign access tokens.", no_args_is_help=True)

Data = Annotated[Path | None, typer.Option("--data", help="Data folder.  [default: setting data_dir, ./data]")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@keys_app.command("list")
def keys_list(data: Data = None, as_json: AsJson = False) -> None:
    """List their ids, oldest first; the last one signs, all of them verify."""
    from infra.auth.keys import KeyRing  # noqa: PLC0415
    from infra.cli import settings_of, show  # noqa: PLC0415 - it imports this module

    ids = KeyRing(settings_of(data_dir=data).keys_dir).ids()
    show(ids, as_json, ids)


@keys_app.command("rotate")
def keys_rotate(data: Data = None) -> None:
    """Add a key, which signs from now on; running processes take it up by themselves."""
    from infra.auth.keys import KeyRing  # noqa: PLC0415
    from infra.cli import settings_of  # noqa: PLC0415

    typer.echo(KeyRing(settings_of(data_dir=data).keys_dir).rotate())
