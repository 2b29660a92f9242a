"""Three brokers and three Cassandra nodes take 4 GB and minutes: only `make chaos` runs these tests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

ASKED = os.environ.get("MURMURATION_CHAOS") == "1"

collect_ignore = [] if ASKED else ["test_chaos.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was left out, and why."""
    if not ASKED:
        terminalreporter.write_line("tests/chaos was left out: it starts seven servers; `make chaos` runs it")
