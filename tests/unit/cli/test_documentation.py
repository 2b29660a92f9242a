"""The pages about the command line and the settings say what is there, all of it, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from infra.cli import app
from infra.status import settings_table

if TYPE_CHECKING:
    from collections.abc import Iterator

BAR = chr(92) + "|"
DOCS = Path(__file__).parents[3] / "docs"


def verbs(command: typer.core.TyperGroup | typer.core.TyperCommand, path: str) -> Iterator[tuple[str, set[str]]]:
    if isinstance(command, typer.core.TyperGroup):
        for name, child in command.commands.items():
            yield from verbs(child, f"{path} {name}")  # type: ignore[arg-type]  # typer makes nothing else
        return
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    yield path, {name for name in options if name.startswith("--") and name != "--help"}


def test_every_verb_has_a_section_with_all_its_options_and_no_other() -> None:
    text = (DOCS / "cli.md").read_text()
    sections = dict(re.findall(r"^## (murmur [a-z -]+)\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE))
    documented = {
        name: {option for cell in re.findall(r"^\| (`--.*?`) \|", body, re.MULTILINE) for option in options_in(cell)}
        for name, body in sections.items()
    }
    group = typer.main.get_command(app)
    assert documented == dict(verbs(group, "murmur"))  # type: ignore[arg-type]  # typer makes nothing else


def options_in(cell: str) -> set[str]:
    return set(re.findall(r"--[a-z-]+", cell))


def test_the_page_of_settings_is_the_table_of_settings() -> None:
    lines = (DOCS / "settings.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    assert rows == [row_of(**setting) for setting in settings_table()]


def row_of(name: str, environment: str, default: str, description: str) -> str:
    return f"| `{name}` | `{environment}` | `{default}` | {description.replace('|', BAR)} |"
