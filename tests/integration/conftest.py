"""What a world's read models are on: files, and, where servers are asked for, servers too."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.query_world import Backing, Files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.servers import Fleet
    from tests.cluster.query_backing import Servers

BACKINGS = ["files"]
if os.environ.get("MURMURATION_CLUSTER") == "1":
    BACKINGS.append(pytest.param("servers", marks=pytest.mark.cluster))  # type: ignore[arg-type]  # pytest takes both


@pytest.fixture(scope="session")
def on_servers(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backing]:
    """Tables and timelines of this run's own."""
    from infra.servers import running  # noqa: PLC0415 - what follows is installed where servers are
    from tests.cluster.query_backing import prepared  # noqa: PLC0415
    from tests.conftest import settings_of  # noqa: PLC0415

    settings = settings_of(fleet, tmp_path_factory.mktemp("query"), "cassandra")
    with running(("redis",), tmp_path_factory.mktemp("redis")) as redis, prepared(settings, redis) as backing:
        yield backing


@pytest.fixture(params=BACKINGS)
def backing(request: pytest.FixtureRequest) -> Backing:
    """Each of them in turn."""
    made: Backing = Files() if request.param == "files" else request.getfixturevalue("on_servers")
    return made


@pytest.fixture(params=BACKINGS)
def searched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backing]:
    """Each of them in turn, with a search."""
    if request.param == "files":
        yield Files()
        return
    from infra.elastic import Elastic  # noqa: PLC0415 - as above
    from tests.conftest import settings_of  # noqa: PLC0415

    on_servers: Servers = request.getfixturevalue("on_servers")
    settings = settings_of(request.getfixturevalue("fleet"), tmp_path_factory.mktemp("search"), "elasticsearch")
    with closing(Elastic(settings)) as on_servers.elastic:
        yield on_servers
        on_servers.drop_search()
    on_servers.elastic = None
