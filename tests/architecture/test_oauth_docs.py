"""docs/oauth.md says which test holds which point: there is each that it names, and it names each that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("standard", ["RFC 9700", "RFC 8725"])
def test_the_table_of_a_standard_names_the_tests_that_hold_it(standard: str) -> None:
    table = (
        (ROOT / "docs" / "oauth.md").read_text().partition(f"## {standard}, point by point")[2].partition("\n## ")[0]
    )
    tests = (ROOT / "tests/integration/oauth" / f"test_{standard.replace(' ', '').lower()}.py").read_text()
    named = re.findall(r"`(test_[a-z0-9_]+)`", table)
    assert sorted(named) == sorted(re.findall(r"^(?:async )?def (test_\w+)", tests, re.MULTILINE))
