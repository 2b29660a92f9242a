"""Real servers for the tests that need them: started once, by the project's own launcher, and only where asked for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from infra.servers import Fleet, running
from infra.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

ASKED = os.environ.get("MURMURATION_CLUSTER") == "1"
NAMES = ("kafka", "redis", "cassandra")

collect_ignore = [] if ASKED else ["cluster"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was left out, and why."""
    if not ASKED:
        terminalreporter.write_line("tests/cluster was left out: it starts real servers; `make cluster-test` runs it")


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The servers of the whole session; whoever stops one starts it again, with nothing lost."""
    with running(NAMES, tmp_path_factory.mktemp("servers")) as fleet:
        yield fleet


@pytest.fixture
def cluster(servers: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of the cluster profile that point at the session's servers."""
    told = {"profile": "cluster", **servers.settings()}
    return Settings.model_validate({"data_dir": tmp_path_factory.mktemp("data"), **told})
