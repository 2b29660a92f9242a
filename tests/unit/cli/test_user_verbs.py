"""`murmur users`: what is asked for on the command line is what the command process is asked for."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from commands.standing import operator
from infra import cli

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Became(Exception):  # noqa: N818 - it ends the verb as an exec does
    """What the process would go on as."""


def asked(folder: Path, monkeypatch: pytest.MonkeyPatch, *line: str) -> operator.Asked:
    def become(_: Any, module: str, arguments: Sequence[str]) -> None:
        raise Became(module, *arguments)

    monkeypatch.setattr(cli, "become", become)
    outcome = CliRunner().invoke(cli.app, ["users", *line, "--data", str(folder)])
    assert isinstance(outcome.exception, Became), outcome.output
    module, *arguments = outcome.exception.args
    assert module == "commands"
    parser = argparse.ArgumentParser()
    operator.add_arguments(parser.add_subparsers())
    return operator.asked(parser.parse_args(arguments))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (["suspend", "ann"], operator.Asked("suspend", "ann")),
        (
            ["suspend", "ann", "--days", "3", "--reason", "--rude words", "--dry-run"],
            operator.Asked("suspend", "ann", 3, "--rude words", dry_run=True),
        ),
        (["restore", "ann", "--dry-run"], operator.Asked("restore", "ann", dry_run=True)),
        (["promote", "ann", "--admin"], operator.Asked("promote", "ann", admin=True)),
        (["demote", "ann", "--dry-run"], operator.Asked("demote", "ann", dry_run=True)),
        (["verify", "ann", "--dry-run"], operator.Asked("verify", "ann", dry_run=True)),
        (["unverify", "ann"], operator.Asked("unverify", "ann")),
        (["reset-password", "ann", "--stdin"], operator.Asked("reset-password", "ann", stdin=True)),
        (["show", "ann"], operator.Asked("show", "ann")),
    ],
)
def test_a_verb_asks_for_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: list[str], expected: operator.Asked
) -> None:
    assert asked(tmp_path, monkeypatch, *line) == expected
