"""Real servers for the tests that need them: started once, by the project's own launcher, and only where asked for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from infra.servers import Fleet, running
from infra.settings import Settings
from schemas import codec

if TYPE_CHECKING:
    from collections.abc import Iterator

ASKED = os.environ.get("MURMURATION_CLUSTER") == "1"
NAMES = ("kafka", "redis", "cassandra")

settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")

collect_ignore = [] if ASKED else ["cluster"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was left out, and why."""
    if not ASKED:
        terminalreporter.write_line("tests/cluster was left out: it starts real servers; `make cluster-test` runs it")


@pytest.fixture(scope="module", autouse=True)
def _seals_of_no_other_module() -> Iterator[None]:
    """Forget at a module's end whose seals the process opens: they belong to a folder of that module."""
    yield
    codec.open_with(None)


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The servers of the whole session, each started when first asked for; whoever stops one starts it again.

    MURMURATION_TEST_SERVERS names a folder whose servers go on after the session, for those who run tests often.
    """
    if kept := os.environ.get("MURMURATION_TEST_SERVERS"):
        yield Fleet(Path(kept), Settings().servers_cache)
        return
    with running((), tmp_path_factory.mktemp("servers")) as fleet:
        yield fleet


@pytest.fixture
def servers(fleet: Fleet) -> Fleet:
    """All servers of the profile, running."""
    fleet.start(*(name for name in NAMES if not fleet.alive(name)))
    return fleet


@pytest.fixture
def cluster(servers: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of the cluster profile that point at the session's servers, all of them."""
    return settings_of(servers, tmp_path_factory.mktemp("data"), *NAMES)


def settings_of(servers: Fleet, data_dir: Path, *names: str) -> Settings:
    """Return settings that point at these servers, started where they do not run."""
    servers.start(*(name for name in names if not servers.alive(name)))
    told = {"profile": "cluster", **servers.settings()}
    return Settings.model_validate({"data_dir": data_dir, **told})
