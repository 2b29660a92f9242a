from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from commands.openapi import document
from commands.problem_table import table
from infra.http.problem_codes import PROBLEM_TYPES
from infra.settings import Settings

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "commands.md").read_text()
SOURCES = [path for folder in ("commands", "infra") for path in (ROOT / folder).rglob("*.py")]


def test_the_page_has_the_table_of_codes() -> None:
    assert table() in PAGE, "python -m commands.problem_table"


def test_every_path_and_setting_that_the_page_names_is_there() -> None:
    for named in re.findall(r"`((?:infra|commands|tests|docs)/[a-z_/.]*)`", PAGE):
        assert (ROOT / named).exists(), named
    for named in re.findall(r"\| `(\w+)` \|$", PAGE, re.MULTILINE):
        assert named in Settings.model_fields


@pytest.mark.parametrize("code", PROBLEM_TYPES)
def test_a_code_is_a_name_and_tells_what_to_do(code: str) -> None:
    kind = PROBLEM_TYPES[code]
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code)
    assert 400 <= kind.status < 600
    assert kind.title
    assert kind.hint.endswith(".")


def test_every_code_that_commands_raise_is_in_the_table() -> None:
    raised = {
        node.args[0].value
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"Problem", "CommandRefusedError", "TokenError"}
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    assert len(raised) > 20
    assert raised <= set(PROBLEM_TYPES)


def test_every_code_that_an_operation_documents_is_in_the_table_and_login_tells_nothing() -> None:
    login = document()["paths"]["/api/v1/auth/login"]["post"]["responses"]
    assert login["401"]["x-codes"] == ["login_failed"]
    assert "404" not in login
