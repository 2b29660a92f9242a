"""What every store of apps promises; tests/cluster/test_credentials_contract.py runs it over Cassandra."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from infra.auth.apps import App, SqliteApps
from infra.auth.credentials import hash_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.auth.apps import Apps

ADA, BOB = 1, 2
PUBLIC = App(10, ADA, "Starling ✨", "https://a.example/cb http://127.0.0.1/cb")
CONFIDENTIAL = App(11, ADA, "Server", "https://b.example/cb", hash_of("secret"))
ANOTHERS = App(12, BOB, "Other", "https://c.example/cb")


@pytest.fixture
def apps(tmp_path: Path) -> Iterator[Apps]:
    with contextlib.closing(SqliteApps(tmp_path / "credentials.db")) as opened:
        yield opened


def test_an_app_is_found_as_it_was_registered(apps: Apps) -> None:
    for app in (PUBLIC, CONFIDENTIAL, ANOTHERS):
        apps.add(app)
    assert apps.many([10, 11, 99]) == {10: PUBLIC, 11: CONFIDENTIAL}
    assert apps.many([]) == {}
    assert (PUBLIC.confidential, CONFIDENTIAL.confidential) == (False, True)
    assert PUBLIC.uris == ["https://a.example/cb", "http://127.0.0.1/cb"]


def test_an_account_has_the_apps_that_it_registered_oldest_first(apps: Apps) -> None:
    for app in (ANOTHERS, CONFIDENTIAL, PUBLIC):
        apps.add(app)
    assert apps.registered_by(ADA) == [PUBLIC, CONFIDENTIAL]
    assert apps.registered_by(BOB) == [ANOTHERS]
    assert apps.registered_by(3) == []


def test_what_is_removed_is_gone_twice_as_once(apps: Apps) -> None:
    for app in (PUBLIC, CONFIDENTIAL):
        apps.add(app)
    apps.remove(PUBLIC)
    apps.remove(PUBLIC)
    assert apps.many([10, 11]) == {11: CONFIDENTIAL}
    assert apps.registered_by(ADA) == [CONFIDENTIAL]
