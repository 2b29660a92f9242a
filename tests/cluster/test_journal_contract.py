"""The journal of the cluster keeps the contract of every journal: all tests of tests/contract/test_journals.py."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from infra.auth.cql_data_keys import CqlDataKeys
from infra.auth.personal_data import new_key
from infra.auth.seals import KeptSeals
from infra.cql.schema import keyspaces
from infra.cql.session import CqlSession
from tests.cluster.journal_world import ClusterWorld, own_keyspace
from tests.conftest import settings_of
from tests.contract.test_journals import *  # noqa: F403 - the suite is whatever stands there
from tests.contract.test_journals import KEY, PARTITIONS, World, commit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.servers import Fleet
    from infra.settings import Settings

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def tables(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with own_keyspace(settings_of(fleet, tmp_path_factory.mktemp("data"), "kafka", "cassandra")) as settings:
        yield settings


@pytest.fixture  # type: ignore[no-redef]  # in place of the suite's own
def world(tables: Settings) -> Iterator[World]:
    with contextlib.closing(ClusterWorld(tables, PARTITIONS)) as opened:
        yield opened


async def test_what_a_key_was_answered_stands_under_its_accounts_seal_and_goes_with_it(tables: Settings) -> None:
    with contextlib.closing(CqlSession(tables)) as session:
        seals = KeptSeals(CqlDataKeys(lambda: session, keyspaces(tables).lwt), new_key())
        with contextlib.closing(ClusterWorld(tables, PARTITIONS, seals=seals)) as world:
            told = await world.journal.commit(commit(key=KEY, body=b"words of the answer"))
            assert world.again().answered(KEY) == told._replace(replayed=True)
            ((body,),) = world.session.run("SELECT body FROM intents")
            assert b"words" not in body
            seals.destroy(KEY.subject)
            assert world.again().answered(KEY) is None
