"""What every store of credentials promises; tests/cluster/test_credentials_contract.py runs it over Cassandra."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

import pytest

from infra.auth.credentials import (
    SWEEP_AFTER_MS,
    OpenSession,
    RefreshRefusedError,
    Session,
    SqliteCredentials,
    hash_of,
)
from infra.auth.revocations import SqliteRevocations
from infra.journal.port import Claim
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.auth.credentials import Credentials
    from infra.auth.revocations import FollowedRevocations

NOW_MS = 1_700_000_000_000
DAY_MS = 86_400_000
LIFE_MS = 30 * DAY_MS
SESSION = Session(9, 1)
OF_AN_APP = Session(8, 1, app_id=77, scopes="read write")
USES = 1_000


class World(Protocol):
    """One store, and those who follow what it revokes."""

    @property
    def credentials(self) -> Credentials:
        """Return the store as one process uses it."""

    def again(self) -> Credentials:
        """Return the store as another process uses it."""

    def follower(self, now_ms: int = NOW_MS) -> FollowedRevocations:
        """Return what another process knows of revocations."""

    def close(self) -> None:
        """Close all of it."""


class SqliteWorld:
    """One file, which has one writer."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open = contextlib.ExitStack()
        self.credentials = self.again()

    def again(self) -> SqliteCredentials:
        return self._open.enter_context(contextlib.closing(SqliteCredentials(self._path)))

    def follower(self, now_ms: int = NOW_MS) -> SqliteRevocations:
        return self._open.enter_context(contextlib.closing(SqliteRevocations(self._path, now_ms)))

    def close(self) -> None:
        self._open.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with contextlib.closing(SqliteWorld(tmp_path / "credentials.db")) as opened:
        yield opened


@pytest.fixture
def credentials(world: World) -> Credentials:
    return world.credentials


def rotate(credentials: Credentials, old: str, new: str, now_ms: int = NOW_MS) -> Session:
    return credentials.rotate(hash_of(old), hash_of(new), now_ms, now_ms + LIFE_MS)


def begin(credentials: Credentials, session: Session = SESSION, token: str = "a") -> None:
    credentials.open_session(session, hash_of(token), NOW_MS + LIFE_MS)


def test_an_accounts_secrets_are_kept_until_it_is_dropped(credentials: Credentials) -> None:
    credentials.add_account(Claim("username:ada", 1), "hash", b"key", NOW_MS)
    assert (credentials.password_hash(1), credentials.data_key(1)) == ("hash", b"key")
    credentials.drop_account(1)
    assert (credentials.password_hash(1), credentials.data_key(1)) == (None, None)


def test_a_chain_of_refreshes_stays_in_its_session(credentials: Credentials) -> None:
    begin(credentials)
    assert [rotate(credentials, old, new) for old, new in ("ab", "bc", "cd")] == [SESSION] * 3


def test_a_second_use_ends_the_session_with_all_its_tokens(world: World) -> None:
    credentials, followed = world.credentials, world.follower()
    begin(credentials)
    rotate(credentials, "a", "b")
    assert SESSION.session_id not in followed
    with pytest.raises(RefreshRefusedError) as refused:
        rotate(credentials, "a", "c")
    assert refused.value.reused == SESSION
    for token in "abc":
        with pytest.raises(RefreshRefusedError) as refused:
            rotate(credentials, token, "d")
        assert refused.value.reused is None
    until(lambda: SESSION.session_id in followed, seconds=3.0)
    assert SESSION.session_id in world.follower()


def test_an_unknown_an_expired_and_an_ended_token_are_refused(credentials: Credentials) -> None:
    begin(credentials)
    begin(credentials, Session(10, 1), "other")
    for token, now_ms in (("unknown", NOW_MS), ("a", NOW_MS + LIFE_MS)):
        with pytest.raises(RefreshRefusedError):
            rotate(credentials, token, "b", now_ms)
    credentials.revoke(9, NOW_MS)
    with pytest.raises(RefreshRefusedError):
        rotate(credentials, "a", "b")
    assert rotate(credentials, "other", "b").session_id == 10


def test_the_day_of_a_sign_in_is_remembered(credentials: Credentials) -> None:
    assert credentials.signed_in_on(1) == -1
    credentials.mark_signed_in(1, 5)
    credentials.mark_signed_in(1, 6)
    assert credentials.signed_in_on(1) == 6


def test_a_sweep_removes_what_is_nobodys(credentials: Credentials) -> None:
    names = {"username:ada": 1, "username:bob": 7}
    for user_id, name in ((1, "ada"), (2, "bob"), (3, "eve")):
        credentials.add_account(Claim(f"username:{name}", user_id), "hash", b"key", NOW_MS)
    credentials.sweep(NOW_MS + SWEEP_AFTER_MS, names.get)
    assert [credentials.password_hash(it) is not None for it in (1, 2, 3)] == [True, True, True]
    credentials.sweep(NOW_MS + SWEEP_AFTER_MS + 1, names.get)
    assert [credentials.password_hash(it) is not None for it in (1, 2, 3)] == [True, False, False]
    names.clear()
    credentials.sweep(NOW_MS + SWEEP_AFTER_MS + DAY_MS, names.get)
    assert credentials.password_hash(1) == "hash"


def test_of_one_tokens_uses_at_the_same_moment_one_wins_and_the_session_ends(world: World) -> None:
    stores = (world.credentials, world.again())
    begin(world.credentials)

    def use(number: int) -> Session | None:
        try:
            return rotate(stores[number % 2], "a", f"b{number}")
        except RefreshRefusedError:
            return None

    with ThreadPoolExecutor(1 if isinstance(world, SqliteWorld) else 4) as threads:
        sessions = list(threads.map(use, range(4)))
    assert sessions.count(SESSION) == 1
    for number in range(4):
        assert use(number) is None
        with pytest.raises(RefreshRefusedError):
            rotate(world.credentials, f"b{number}", "c")


def test_a_follower_knows_at_once_what_it_is_told(world: World) -> None:
    followed = world.follower()
    assert 10 not in followed
    followed.add(10)
    assert 10 in followed


def test_an_accounts_sessions_are_known_with_who_acts_in_them_until_they_end(credentials: Credentials) -> None:
    by_browser = SESSION._replace(agent="A browser")
    begin(credentials, by_browser, "a")
    begin(credentials, OF_AN_APP, "b")
    begin(credentials, Session(7, 2), "c")
    both = [OpenSession(OF_AN_APP, NOW_MS + LIFE_MS), OpenSession(by_browser, NOW_MS + LIFE_MS)]
    assert credentials.sessions_of(1, NOW_MS) == both
    assert credentials.sessions_of(3, NOW_MS) == []
    assert credentials.sessions_of(1, NOW_MS + LIFE_MS) == []
    assert rotate(credentials, "b", "d", NOW_MS + 5) == OF_AN_APP
    credentials.revoke(by_browser.session_id, NOW_MS)
    assert credentials.sessions_of(1, NOW_MS) == [OpenSession(OF_AN_APP, NOW_MS + 5 + LIFE_MS)]


def test_a_refresh_token_tells_its_session_without_being_used(credentials: Credentials) -> None:
    begin(credentials, OF_AN_APP)
    for _ in range(2):
        assert credentials.session_of(hash_of("a"), NOW_MS) == OpenSession(OF_AN_APP, NOW_MS + LIFE_MS)
    rotate(credentials, "a", "b")
    for token, now_ms in (("a", NOW_MS), ("b", NOW_MS + LIFE_MS), ("unknown", NOW_MS)):
        assert credentials.session_of(hash_of(token), now_ms) is None
    assert rotate(credentials, "b", "c") == OF_AN_APP
    credentials.revoke(OF_AN_APP.session_id, NOW_MS)
    assert credentials.session_of(hash_of("c"), NOW_MS) is None


def test_all_sessions_of_an_account_end_but_for_one(world: World) -> None:
    credentials, followed = world.credentials, world.follower()
    for session, token in ((SESSION, "a"), (OF_AN_APP, "b"), (Session(7, 2), "c"), (Session(6, 1), "d")):
        begin(credentials, session, token)
    credentials.revoke(6, NOW_MS)
    assert set(credentials.revoke_all(1, NOW_MS, 9)) >= {8}
    until(lambda: 8 in followed, seconds=3.0)
    assert rotate(credentials, "a", "a2") == SESSION
    with pytest.raises(RefreshRefusedError):
        rotate(credentials, "b", "b2")
    assert 9 in credentials.revoke_all(1, NOW_MS)
    assert credentials.sessions_of(1, NOW_MS) == []
    assert rotate(credentials, "c", "c2").user_id == 2


def test_a_password_is_replaced(credentials: Credentials) -> None:
    credentials.add_account(Claim("username:ada", 1), "hash", b"key", NOW_MS)
    credentials.set_password(1, "another")
    assert (credentials.password_hash(1), credentials.data_key(1)) == ("another", b"key")


def test_a_secret_is_good_only_with_what_it_is_bound_to() -> None:
    ways = [("s",), ("s", "app"), ("s", "app", "uri"), ("s", "appuri"), ("uris", "app"), ("s", "uri", "app")]
    assert len({hash_of(*way) for way in ways}) == len(ways)


def test_of_a_thousand_uses_of_one_code_one_succeeds(world: World) -> None:
    stores = [world.credentials] if isinstance(world, SqliteWorld) else [world.again() for _ in range(4)]
    begin(world.credentials, OF_AN_APP, "code")

    def use(number: int) -> bool:
        try:
            return rotate(stores[number % len(stores)], "code", f"token {number}") == OF_AN_APP
        except RefreshRefusedError:
            return False

    with ThreadPoolExecutor(1 if isinstance(world, SqliteWorld) else 16) as threads:
        assert sum(threads.map(use, range(USES))) == 1
    assert world.credentials.sessions_of(1, NOW_MS) == []
