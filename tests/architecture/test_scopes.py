"""Every route of both APIs stands in the table of scopes, and the table holds no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from commands.openapi import bare_app
from infra.auth.scopes import ACCOUNT, CHANNELS, FIRST_PARTY, GRANTABLE, MODERATE, NEEDS
from infra.settings import Settings
from query_api.app import create_app
from query_api.bootstrap import build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fastapi import FastAPI


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[FastAPI]]:
    folder: Path = tmp_path_factory.mktemp("scopes")
    services = build(Settings(data_dir=folder))
    yield [bare_app(), create_app(services)]
    services.close()


def methods_and_paths(app: FastAPI) -> set[tuple[str, str]]:
    return {
        (method, str(vars(route)["path"]))
        for route in app.router.routes
        for method in getattr(route, "methods", ())
        if method != "HEAD"  # held against its GET
    }


def test_every_route_says_which_scope_it_needs_and_no_other_is_in_the_table(apps: list[FastAPI]) -> None:
    served = set[tuple[str, str]]().union(*(methods_and_paths(app) for app in apps))
    assert {"unlisted": served - NEEDS.keys(), "gone": NEEDS.keys() - served} == {"unlisted": set(), "gone": set()}


def test_what_the_documents_say_about_tokens_is_what_the_table_says(apps: list[FastAPI]) -> None:
    for app in apps:
        for path, methods in app.openapi()["paths"].items():
            for method, operation in methods.items():
                need, security = NEEDS[method.upper(), path], operation.get("security", [{}])
                assert ({} in security) is not need.signed_in, (method, path)
                scopes = [scope for it in security for scope in it.get("bearer", ())]
                assert scopes == ([need.scope] if need.scope else []), (method, path)


def test_the_scopes_of_the_table_are_those_that_there_are() -> None:
    used = {need.scope for need in NEEDS.values()} - {None} | set(CHANNELS.values())
    assert used <= {*GRANTABLE, ACCOUNT}


def test_no_app_may_have_the_account_itself_and_no_log_in_moderates_by_itself() -> None:
    assert ACCOUNT not in GRANTABLE
    assert {*GRANTABLE, ACCOUNT} - FIRST_PARTY == {MODERATE}
