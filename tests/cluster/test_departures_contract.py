"""Keys of personal data, and who is to be erased, in Cassandra: all of tests/contract/test_departures.py."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from infra.auth.cql_data_keys import CqlDataKeys
from infra.auth.cql_departures import CqlDepartures
from infra.auth.data_keys import DataKey
from infra.cql.schema import keyspaces
from infra.cql.session import CqlSession
from tests.cluster.journal_world import own_keyspace
from tests.conftest import settings_of
from tests.contract.test_departures import *  # noqa: F403 - the suite is whatever stands there
from tests.contract.test_departures import ADA, KEY, Kept

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
def kept(tables: Settings) -> Iterator[Kept]:
    lwt = keyspaces(tables).lwt
    with contextlib.closing(CqlSession(tables, keyspace=lwt)) as session:
        for table in ("data_keys", "departures"):
            session.execute(f"TRUNCATE {table}")
        yield Kept(CqlDataKeys(lambda: session, lwt), CqlDepartures(session))


def test_whoever_reads_rows_reads_keys_by_the_name_of_their_keyspace(kept: Kept, tables: Settings) -> None:
    kept.keys.make(ADA, KEY)
    with contextlib.closing(CqlSession(tables)) as session:
        found = CqlDataKeys(lambda: session, keyspaces(tables).lwt).find((ADA,))
    assert found == {ADA: KEY}
    assert found[ADA] != DataKey(None)
