"""The journal of the cluster keeps the contract of every journal: all tests of tests/contract/test_journals.py."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.cluster.journal_world import ClusterWorld, own_keyspace
from tests.conftest import settings_of
from tests.contract.test_journals import *  # noqa: F403 - the suite is whatever stands there
from tests.contract.test_journals import PARTITIONS, World

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
