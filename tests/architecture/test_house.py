"""What the house promises about itself: sizes, docstrings, maps that show what is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("schemas", "infra", "commands", "streams", "projections", "query_api")
MODULES = sorted(path for folder in SOURCES for path in (ROOT / folder).rglob("*.py"))
MAX_LINES = 300


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_a_module_is_short_and_opens_with_its_responsibility(module: Path) -> None:
    text = module.read_text()
    assert len(text.splitlines()) <= MAX_LINES
    assert ast.get_docstring(ast.parse(text))


def test_every_path_that_the_architecture_names_exists() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    named = set(re.findall(r"`((?:[a-z_.]+/)+[A-Za-z_.]*)`", text))
    assert len(named) >= len(SOURCES)
    assert {path for path in named if not (ROOT / path).exists()} == set()


def test_the_architecture_stays_readable() -> None:
    assert len((ROOT / "ARCHITECTURE.md").read_text().splitlines()) <= 200


@pytest.mark.parametrize("folder", ["commands", "streams", "query_api", "infra"])
def test_the_environment_is_read_in_settings_only(folder: str) -> None:
    readers = [name(path) for path in (ROOT / folder).rglob("*.py") if "os.environ" in path.read_text()]
    allowed = {"infra/settings.py", "infra/supervisor.py", "infra/up.py"}  # the last two hand it on to children
    assert set(readers) <= allowed


def test_lock_files_name_no_registry() -> None:
    for lock in ROOT.glob("requirements*.lock"):
        assert not re.search(r"https?://|index-url", lock.read_text())


def test_every_decision_is_numbered_and_has_its_parts() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(path.name[:4]) for path in decisions] == list(range(1, len(decisions) + 1))
    for path in decisions:
        text = path.read_text()
        assert [part for part in ("Status", "Context", "Decision", "Consequences") if f"## {part}" not in text] == []
        assert len(text.splitlines()) <= 80
