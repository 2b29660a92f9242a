"""The system to which faults happen: two processes of each kind, with search, on the session's servers."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis

from infra.cluster import TOPICS
from infra.servers.redis import operator_url
from tests.cluster.kafka_log import delete_topics
from tests.e2e.on_servers import NAMES, SystemOnServers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from infra.servers import Fleet

WORKERS = {f"{kind}_workers": "2" for kind in ("commands", "streams", "query")}


@pytest.fixture(scope="package")
def stage(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SystemOnServers]:
    """One system for all faults: each test has people of its own, and must leave it as whole as it found it."""
    fleet.start(*NAMES)
    with SystemOnServers(fleet, tmp_path_factory.mktemp("faults") / "data", **WORKERS) as running:
        yield running
    delete_topics(running.told["kafka_bootstrap"], TOPICS)  # whoever comes next would apply all of it
    with closing(Redis.from_url(operator_url(fleet["redis"]))) as redis:
        redis.flushdb()  # its timelines are those of a log that is no more


@pytest.fixture
def system(stage: SystemOnServers) -> SystemOnServers:
    """The system, all of its processes ready."""
    stage.wait_until_ready()
    return stage


@pytest.fixture
def told(record_property: Callable[[str, object], None], request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """What was measured; it goes to the report, and to the terminal (`pytest -s`)."""
    facts: dict[str, Any] = {}
    yield facts
    for name, value in facts.items():
        record_property(name, value)
    print(f"\n{request.node.name}: {facts}")  # noqa: T201 - a test's own output
