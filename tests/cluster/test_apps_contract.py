"""Apps in Cassandra keep the contract of all stores of them: all of tests/contract/test_apps.py."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from infra.auth.cql_apps import CqlApps
from infra.cql.schema import keyspaces
from infra.cql.session import CqlSession
from tests.cluster.journal_world import own_keyspace
from tests.conftest import settings_of
from tests.contract.test_apps import *  # noqa: F403 - the suite is whatever stands there

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.servers import Fleet

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def session(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CqlSession]:
    settings = settings_of(fleet, tmp_path_factory.mktemp("data"), "cassandra")
    with (
        own_keyspace(settings) as own,
        contextlib.closing(CqlSession(own, keyspace=keyspaces(own).lwt)) as opened,
    ):
        yield opened


@pytest.fixture  # type: ignore[no-redef]  # in place of the suite's own
def apps(session: CqlSession) -> Iterator[CqlApps]:
    for table in ("apps", "apps_by_owner"):
        session.execute(f"TRUNCATE {table}")
    with contextlib.closing(CqlApps(session)) as opened:
        yield opened
