"""`murmur capacity`: prints what a system of a given size needs, with the arithmetic."""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infra.capacity.plan import Line


def capacity(
    users: Annotated[int | None, typer.Option(min=1, help="Accounts.  [default: 500,000,000]")] = None,
    daily_users: Annotated[int | None, typer.Option(min=1, help="Of them on a day.  [default: 2 in 5]")] = None,
    daily_tweets: Annotated[int | None, typer.Option(min=1, help="Tweets a day.  [default: 2.5 a daily user]")] = None,
    followers: Annotated[
        int | None, typer.Option(min=1, help="Of an average tweet's author.  [default: 1,000]")
    ] = None,
    regions: Annotated[int, typer.Option(min=1, help="Regions that hold everything.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what a system of that size needs: cores, memory, disks, money, and how that comes about."""
    from infra.capacity.plan import Planner  # noqa: PLC0415 - as every verb: loaded when it is wanted
    from infra.capacity.scale import scale_of  # noqa: PLC0415

    lines = Planner(scale_of(users, daily_users, daily_tweets, followers, regions)).lines()
    typer.echo(json.dumps([line._asdict() for line in lines], indent=2) if as_json else "\n".join(table(lines)))


def table(lines: list[Line]) -> list[str]:
    """Return the plan for people, and for docs/capacity.md."""
    out: list[str] = []
    for section, rows in groupby(lines, key=lambda line: line.section):
        out += ["", section.upper()] if out else [section.upper()]
        for line in rows:
            out += [f"  {line.name:36} {number(line.value):>12} {line.unit}", f"      {line.working}"]
    return out


def number(value: float) -> str:
    """Return three digits of a figure, thousands parted; whole numbers whole."""
    if value >= 1_000:  # noqa: PLR2004
        digits = len(f"{value:.0f}") - 3
        return f"{round(value, -digits):,.0f}"
    return f"{value:.3g}"
