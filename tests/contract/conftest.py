"""Contract tests over servers belong to the cluster's: the same tests, marked, on the session's servers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.servers import Fleet

CQL, ELASTICSEARCH = "cql", "elasticsearch"
FOLDER = Path(__file__).parent


def _over(kind: str, item: pytest.Item) -> bool:
    ours = isinstance(item, pytest.Function) and item.path.is_relative_to(FOLDER)
    return ours and kind in item.name.partition("[")[2].rstrip("]").split("-")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them, before the marks decide what is run."""
    for item in items:
        if _over(CQL, item) or _over(ELASTICSEARCH, item):
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session", autouse=True)
def _cql(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    if not any(_over(CQL, item) for item in request.session.items):
        yield
        return
    from tests.contract.cql_backends import connected  # noqa: PLC0415 - the driver is of the extra `cluster`

    fleet: Fleet = request.getfixturevalue("fleet")
    with connected(settings_of(fleet, tmp_path_factory.mktemp("data"), "cassandra")):
        yield


@pytest.fixture(scope="session", autouse=True)
def _elasticsearch(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    if not any(_over(ELASTICSEARCH, item) for item in request.session.items):
        yield
        return
    from tests.contract.elastic_backends import connected  # noqa: PLC0415 - its client is of the extra `cluster`

    fleet: Fleet = request.getfixturevalue("fleet")
    with connected(settings_of(fleet, tmp_path_factory.mktemp("data"), "elasticsearch")):
        yield
