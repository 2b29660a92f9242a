"""Devices in Cassandra keep the contract of tests/contract/test_push_subscriptions.py."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from infra.cql.schema import keyspaces
from infra.cql.session import CqlSession
from infra.push.cql_subscriptions import CqlSubscriptions
from tests.cluster.journal_world import own_keyspace
from tests.conftest import settings_of
from tests.contract.test_push_subscriptions import *  # noqa: F403 - the suite is whatever stands there

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.servers import Fleet
    from infra.settings import Settings

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def tables(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with own_keyspace(settings_of(fleet, tmp_path_factory.mktemp("data"), "cassandra")) as settings:
        yield settings


@pytest.fixture  # type: ignore[no-redef]  # in place of the suite's own
def kept(tables: Settings) -> Iterator[CqlSubscriptions]:
    with closing(CqlSession(tables, keyspace=keyspaces(tables).lwt)) as session:
        for table in ("push_subscriptions", "push_endpoints"):
            session.execute(f"TRUNCATE {table}")
        yield CqlSubscriptions(session)
