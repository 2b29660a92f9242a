"""Generations recorded in Cassandra keep the contract of all who record them: tests/contract/test_generations.py."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from infra.cql.generations import CqlGenerations
from infra.cql.projection_tables import create
from infra.cql.session import CqlSession
from infra.generations.record import UNKNOWN_VERSION
from projections.accounts.cql import CqlAccountsStore
from tests.conftest import settings_of
from tests.contract.test_generations import *  # noqa: F403 - the suite is whatever stands there
from tests.cql_keyspaces import in_keyspace, migrated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from infra.generations.changes import Generations
    from infra.generations.record import Kept
    from infra.servers import Fleet

pytestmark = pytest.mark.cluster

NAME = "generations"


@pytest.fixture(scope="module")
def tables(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CqlSession, Callable[[], Kept]]]:
    settings = settings_of(fleet, tmp_path_factory.mktemp("data"), "cassandra")
    own = in_keyspace(settings, NAME)
    with migrated(settings, NAME) as session, ExitStack() as sessions:
        create(session, CqlAccountsStore)
        yield session, lambda: CqlGenerations(sessions.enter_context(closing(CqlSession(own))), own)


@pytest.fixture  # type: ignore[no-redef]  # in its place
def keeper(tables: tuple[CqlSession, Callable[[], Kept]]) -> Callable[[], Kept]:
    session, open_kept = tables
    session.execute(f"TRUNCATE {session.keyspace}_lwt.generations")
    return open_kept


def test_what_the_first_generation_was_made_by_is_read_from_its_tables(generations: Generations) -> None:
    assert generations.of("accounts").known(1).schema_version == UNKNOWN_VERSION
    generations.begin("accounts", 7)
    versions = [it.schema_version for it in generations.of("accounts").generations]
    assert versions == [CqlAccountsStore.SCHEMA_VERSION, 7]
