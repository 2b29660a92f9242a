"""The table of the security standards: every requirement stands in it, and every test that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / "asvs.md", ROOT / "docs" / "hardening.md"]
REQUIREMENTS = [line.split()[0] for line in (Path(__file__).parent / "asvs.txt").read_text().splitlines()]
"""Of levels 1 and 2 of OWASP ASVS 5.0.0, in its order; the second column is the level."""
FAILURES = {"streams", "sessions", "rate limits", "unbounded input", "authorisation", "media", "SSRF", "HTML"}
_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`")


def rows(heading: str) -> list[list[str]]:
    text = PAGES[0].read_text()
    part = text.split(heading, 1)[1] if heading else text
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in part.splitlines() if line.startswith("| ")]


def test_every_requirement_of_levels_1_and_2_stands_in_the_table_once() -> None:
    found = []
    for first, *_ in rows(""):
        if re.match(r"\d+\.\d+\.\d+", first):
            begin, _, end = first.partition(" to ")
            found += REQUIREMENTS[REQUIREMENTS.index(begin) : REQUIREMENTS.index(end or begin) + 1]
    assert found == REQUIREMENTS


def test_every_row_says_how_it_is_met_or_why_not() -> None:
    assert [row for row in rows("") if row[0] and row[0] != "---" and not row[2]] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_is_named_is_there(page: Path) -> None:
    named = _TEST.findall(page.read_text())
    assert named
    missing = []
    for path, name in named:
        file = ROOT / path
        if not file.exists() or (name and not re.search(rf"def {name}\b", file.read_text())):
            missing.append(f"{path}::{name}")
    assert missing == []


def test_all_ten_risks_of_apis_are_there() -> None:
    found = {row[0].split()[0] for row in rows("## API Security Top 10") if row[0].startswith("API")}
    assert found == {f"API{number}" for number in range(1, 11)}


def test_every_failure_of_others_has_its_tests() -> None:
    found = {row[0]: row[2] for row in rows("## Other people's failures") if row[0] not in {"class", "---"}}
    assert set(found) == FAILURES
    assert [name for name, tests in found.items() if "::test_" not in tests] == []
