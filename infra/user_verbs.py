"""`murmur users`: what an operator decides about an account, while everything runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from typing import NoReturn

users_app = typer.Typer(help="Decide about an account, while everything runs.", no_args_is_help=True)

Username = Annotated[str, typer.Argument(metavar="NAME", help="Its username, in any case.")]
Data = Annotated[Path | None, typer.Option("--data", help="Data folder.  [default: setting data_dir, ./data]")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Days = Annotated[int | None, typer.Option(min=1, max=36500, help="How long.  [default: until restored]")]
Reason = Annotated[str, typer.Option(help="Why; up to 500 characters, kept on the log.")]
Admin = Annotated[bool, typer.Option("--admin", help="To an admin, not a moderator.")]
Now = Annotated[bool, typer.Option("--now", help="Without the days of grace: there is no way back.")]
Stdin = Annotated[bool, typer.Option("--stdin", help="Read it from standard input.  [default: make one, print it]")]


@users_app.command()
def show(name: Username, data: Data = None) -> None:
    """Tell its status, role, badge and reach."""
    _become(data, "show", name)


@users_app.command()
def suspend(name: Username, data: Data = None, days: Days = None, reason: Reason = "", dry_run: DryRun = False) -> None:
    """Let it do nothing and show nothing of it; its sessions and streams end."""
    _become(data, "suspend", name, *([] if days is None else ["--days", str(days)]), f"--reason={reason}", dry=dry_run)


@users_app.command()
def restore(name: Username, data: Data = None, dry_run: DryRun = False) -> None:
    """End a suspension: all of it shows again."""
    _become(data, "restore", name, dry=dry_run)


@users_app.command()
def promote(name: Username, data: Data = None, admin: Admin = False, dry_run: DryRun = False) -> None:
    """Make it a moderator."""
    _become(data, "promote", name, *(["--admin"] if admin else []), dry=dry_run)


@users_app.command()
def demote(name: Username, data: Data = None, dry_run: DryRun = False) -> None:
    """Make it a user like others."""
    _become(data, "demote", name, dry=dry_run)


@users_app.command()
def verify(name: Username, data: Data = None, dry_run: DryRun = False) -> None:
    """Give it the badge."""
    _become(data, "verify", name, dry=dry_run)


@users_app.command()
def unverify(name: Username, data: Data = None, dry_run: DryRun = False) -> None:
    """Take the badge from it."""
    _become(data, "unverify", name, dry=dry_run)


@users_app.command("reset-password")
def reset_password(name: Username, data: Data = None, stdin: Stdin = False, dry_run: DryRun = False) -> None:
    """Give it another password; its sessions and streams end."""
    _become(data, "reset-password", name, *(["--stdin"] if stdin else []), dry=dry_run)


@users_app.command()
def erase(name: Username, data: Data = None, now: Now = False, dry_run: DryRun = False) -> None:
    """Close it; with --now also make all that is personal about it unreadable, and gone, for ever."""
    _become(data, "erase", name, *(["--now"] if now else []), dry=dry_run)


def _become(data: Path | None, *arguments: str, dry: bool = False) -> NoReturn:
    from infra.cli import become, settings_there  # noqa: PLC0415 - it imports this module

    become(settings_there(data), "commands", ["users", *arguments, *(["--dry-run"] if dry else [])])
