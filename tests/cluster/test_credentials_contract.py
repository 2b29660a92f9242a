"""Credentials and apps in Cassandra keep the contracts of all stores of them, in one keyspace.

All of tests/contract/test_credentials.py and test_apps.py.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from typing import TYPE_CHECKING, Any

import pytest

from commands.accounts.registry import Registry
from commands.errors import CommandRefusedError
from commands.oauth.command import Authorize, Register
from commands.oauth.errors import OAuthProblem
from commands.oauth.grants import Grants, challenge_of, of_code
from infra.auth.cql_apps import CqlApps
from infra.auth.cql_credentials import HOUR_MS, CqlCredentials
from infra.auth.cql_revocations import CqlRevocations
from infra.auth.keys import KeyRing
from infra.auth.passwords import Passwords
from infra.auth.tokens import AccessTokens, AccessTokenVerifier, TokenError
from infra.clock import SystemClock
from infra.cql.schema import keyspaces
from infra.cql.session import CqlSession
from infra.journal.port import Claim
from schemas.ids import first_id_at
from tests.cluster.journal_world import own_keyspace
from tests.conftest import settings_of
from tests.contract.test_apps import *  # noqa: F403 - as below
from tests.contract.test_credentials import *  # noqa: F403 - the suite is whatever stands there
from tests.contract.test_credentials import LIFE_MS, NOW_MS, World
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.servers import Fleet
    from infra.settings import Settings

pytestmark = pytest.mark.cluster

TABLES = (
    "accounts",
    "unconfirmed_accounts",
    "sign_ins",
    "sessions",
    "sessions_by_user",
    "refresh_tokens",
    "revocations",
)


class CqlWorld:
    """Tables that are empty at first."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open = contextlib.ExitStack()
        self.session = self.connect()
        for table in TABLES:
            self.session.execute(f"TRUNCATE {table}")
        self.credentials = CqlCredentials(self.session, LIFE_MS)

    def connect(self) -> CqlSession:
        session = CqlSession(self._settings, keyspace=keyspaces(self._settings).lwt)
        return self._open.enter_context(contextlib.closing(session))

    def again(self) -> CqlCredentials:
        return CqlCredentials(self.connect(), LIFE_MS)

    def follower(self, now_ms: int = NOW_MS) -> CqlRevocations:
        return self._open.enter_context(contextlib.closing(CqlRevocations(self.connect(), now_ms)))

    def close(self) -> None:
        self._open.close()


@pytest.fixture(scope="module")
def tables(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with own_keyspace(settings_of(fleet, tmp_path_factory.mktemp("data"), "cassandra")) as settings:
        yield settings


@pytest.fixture  # type: ignore[no-redef]  # in place of the suite's own
def world(tables: Settings) -> Iterator[CqlWorld]:
    with contextlib.closing(CqlWorld(tables)) as opened:
        yield opened


@pytest.fixture  # type: ignore[no-redef]  # as above
def credentials(world: World) -> CqlCredentials:
    assert isinstance(world, CqlWorld)
    return world.credentials


@pytest.fixture  # type: ignore[no-redef]  # as above
def apps(tables: Settings) -> Iterator[CqlApps]:
    with contextlib.closing(CqlSession(tables, keyspace=keyspaces(tables).lwt)) as session:
        for table in ("apps", "apps_by_owner"):
            session.execute(f"TRUNCATE {table}")
        yield CqlApps(session)


def test_of_an_erased_account_that_was_just_registered_no_name_is_left(world: CqlWorld) -> None:
    for behind_ms in (0, 2_000):  # the id was given in one hour, the account kept in the next
        user_id = first_id_at(NOW_MS - NOW_MS % HOUR_MS - behind_ms)
        world.credentials.add_account(Claim("username:ada", user_id), "hash", b"", NOW_MS - NOW_MS % HOUR_MS)
        assert world.session.run("SELECT claim FROM unconfirmed_accounts") == [("username:ada",)]
        world.credentials.forget(user_id)
        assert world.session.run("SELECT claim FROM unconfirmed_accounts") == []


async def test_an_app_is_let_in_and_shut_out_on_servers(world: CqlWorld, apps: CqlApps, tmp_path: Path) -> None:
    """What commands.oauth does over both stores, beside the bridge: everything is in place."""
    clock, ids, passwords, keys = SystemClock(), itertools.count(1 << 30), Passwords(8), KeyRing(tmp_path)
    followed, access = world.follower(clock.now_ms()), AccessTokens(keys, clock, 900)
    verifier = AccessTokenVerifier(keys, followed, clock)
    no_seals: Any = None
    registry = Registry(
        *(world.credentials, no_seals, passwords, access, clock, lambda: next(ids), b"", LIFE_MS, followed.add),
        in_place=True,
    )
    grants = Grants(registry, apps, access, verifier, clock, lambda: next(ids))
    world.credentials.add_account(Claim("username:ada", 1), await passwords.hash("a password"), b"", NOW_MS)
    app, _ = await grants.register(Register(1, "Starling", ("https://app.example/cb",), confidential=False))
    asked = Authorize(app.client_id, app.uris[0], ("read",), challenge_of("v" * 43), "")

    async def role_of(_: int) -> str:
        return "user"

    async def let_in(matched: str) -> bytes:
        return of_code(app, asked.redirect_uri, asked.challenge, await grants.authorize(asked, app, 1, "read", matched))

    matched = await registry.matching_hash(1, "a password")
    assert matched is not None
    code = await let_in(matched)
    given = await grants.exchange(app, code, (), role_of)
    assert verifier.verify(given.access_token).app_id == app.app_id
    assert [it.session.app_id for it in await registry.sessions_of(1)] == [app.app_id]
    with pytest.raises(OAuthProblem):
        await grants.exchange(app, code, (), role_of)
    with pytest.raises(TokenError):
        verifier.verify(given.access_token)
    again = await grants.exchange(app, await let_in(matched), (), role_of)
    await grants.revoke(app, again.refresh_token)
    assert await grants.token_of(app, again.access_token) is None
    assert await registry.set_password(1, "another password")
    with pytest.raises(CommandRefusedError):
        await let_in(matched)  # of a password that was changed meanwhile
    assert await registry.sessions_of(1) == []
    passwords.close()


def test_without_the_servers_the_last_known_revocations_are_used_and_the_state_says_so(world: CqlWorld) -> None:
    session = world.connect()
    followed = CqlRevocations(session, time.time_ns() // 1_000_000, poll_s=0.05)
    world.credentials.revoke(9, time.time_ns() // 1_000_000)
    until(lambda: 9 in followed, seconds=3.0)
    assert followed.current
    session.close()
    until(lambda: not followed.current, seconds=10.0)
    assert followed.behind_seconds > 1
    assert 9 in followed
    followed.close()


def test_a_follower_of_another_keyspace_names_the_table(world: CqlWorld, tables: Settings) -> None:
    world.credentials.revoke(9, NOW_MS)
    with contextlib.closing(CqlSession(tables)) as session:
        followed = CqlRevocations(session, NOW_MS, keyspace=keyspaces(tables).lwt)
        assert 9 in followed
        followed.close()
