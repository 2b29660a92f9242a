"""Collects the load test only where its input is, and says so where it is not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

DATA = Path(os.environ.get("MURMURATION_DATA", Path(__file__).parents[3] / "shared" / "data"))
HIGGS = DATA / "higgs-activity_time.txt.gz"

collect_ignore = [] if HIGGS.exists() else ["test_higgs_full.py", "test_tweets_table.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that tests recorded; name what was left out, and why."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")
    if collect_ignore:
        terminalreporter.write_line(f"tests/load was left out: there is no {HIGGS}; MURMURATION_DATA names its folder")
