"""What every store of credentials promises; a second backend adds a parameter."""

from __future__ import annotations

import contextlib
import stat
from typing import TYPE_CHECKING

import pytest

from infra.auth.credentials import SWEEP_AFTER_MS, RefreshRefusedError, Session, SqliteCredentials, hash_of
from infra.auth.revocations import SqliteRevocations
from infra.journal.port import Claim

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW_MS = 1_700_000_000_000
DAY_MS = 86_400_000
LIFE_MS = 30 * DAY_MS
SESSION = Session(9, 1)


@pytest.fixture(params=[SqliteCredentials])
def credentials(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteCredentials]:
    with contextlib.closing(request.param(tmp_path / "credentials.db")) as opened:
        yield opened


def rotate(credentials: SqliteCredentials, old: str, new: str, now_ms: int = NOW_MS) -> Session:
    return credentials.rotate(hash_of(old), hash_of(new), now_ms, now_ms + LIFE_MS)


def begin(credentials: SqliteCredentials, session: Session = SESSION, token: str = "a") -> None:
    credentials.open_session(session, hash_of(token), NOW_MS + LIFE_MS)


def test_only_the_owner_may_read_the_file(credentials: SqliteCredentials, tmp_path: Path) -> None:
    del credentials
    assert stat.S_IMODE((tmp_path / "credentials.db").stat().st_mode) == 0o600


def test_an_accounts_secrets_are_kept_until_it_is_dropped(credentials: SqliteCredentials) -> None:
    credentials.add_account(Claim("username:ada", 1), "hash", b"key", NOW_MS)
    assert (credentials.password_hash(1), credentials.data_key(1)) == ("hash", b"key")
    credentials.drop_account(1)
    assert (credentials.password_hash(1), credentials.data_key(1)) == (None, None)


def test_a_chain_of_refreshes_stays_in_its_session(credentials: SqliteCredentials) -> None:
    begin(credentials)
    assert [rotate(credentials, old, new) for old, new in ("ab", "bc", "cd")] == [SESSION] * 3


def test_a_second_use_ends_the_session_with_all_its_tokens(credentials: SqliteCredentials, tmp_path: Path) -> None:
    begin(credentials)
    rotate(credentials, "a", "b")
    followed = SqliteRevocations(tmp_path / "credentials.db", NOW_MS)
    with pytest.raises(RefreshRefusedError) as refused:
        rotate(credentials, "a", "c")
    assert refused.value.reused == SESSION
    for token in "abc":
        with pytest.raises(RefreshRefusedError) as refused:
            rotate(credentials, token, "d")
        assert refused.value.reused is None
    assert SESSION.session_id in followed
    followed.close()


def test_an_unknown_an_expired_and_an_ended_token_are_refused(credentials: SqliteCredentials) -> None:
    begin(credentials)
    begin(credentials, Session(10, 1), "other")
    for token, now_ms in (("unknown", NOW_MS), ("a", NOW_MS + LIFE_MS)):
        with pytest.raises(RefreshRefusedError):
            rotate(credentials, token, "b", now_ms)
    credentials.revoke(9, NOW_MS)
    with pytest.raises(RefreshRefusedError):
        rotate(credentials, "a", "b")
    assert rotate(credentials, "other", "b").session_id == 10


def test_a_session_in_use_does_not_grow_without_end(credentials: SqliteCredentials) -> None:
    begin(credentials, token="0")
    for day in range(100):
        rotate(credentials, str(day), str(day + 1), NOW_MS + day * DAY_MS)
    kept = len(credentials._db.execute("SELECT hash FROM refresh_tokens").fetchall())
    assert kept <= LIFE_MS // DAY_MS + 2


def test_the_day_of_a_sign_in_is_remembered(credentials: SqliteCredentials) -> None:
    assert credentials.signed_in_on(1) == -1
    credentials.mark_signed_in(1, 5)
    credentials.mark_signed_in(1, 6)
    assert credentials.signed_in_on(1) == 6


def test_a_sweep_removes_what_is_nobodys_and_what_has_expired(credentials: SqliteCredentials, tmp_path: Path) -> None:
    names = {"username:ada": 1, "username:bob": 7}
    for user_id, name in ((1, "ada"), (2, "bob"), (3, "eve")):
        credentials.add_account(Claim(f"username:{name}", user_id), "hash", b"key", NOW_MS)
    begin(credentials)
    credentials.revoke(9, NOW_MS)
    credentials.sweep(NOW_MS + SWEEP_AFTER_MS, names.get)
    assert [credentials.password_hash(it) is not None for it in (1, 2, 3)] == [True, True, True]
    credentials.sweep(NOW_MS + SWEEP_AFTER_MS + 1, names.get)
    assert [credentials.password_hash(it) is not None for it in (1, 2, 3)] == [True, False, False]
    names.clear()
    credentials.sweep(NOW_MS + LIFE_MS + 1, names.get)
    assert credentials.password_hash(1) == "hash"
    for table in ("sessions", "refresh_tokens", "revocations"):
        assert credentials._db.execute(f"SELECT count(*) FROM {table}").fetchall() == [(0,)]
    assert 9 not in SqliteRevocations(tmp_path / "credentials.db", NOW_MS)


def test_a_follower_that_comes_before_the_file_hears_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "credentials.db"
    early = SqliteRevocations(path, NOW_MS)
    assert 9 not in early
    with contextlib.closing(SqliteCredentials(path)) as credentials:
        assert 9 not in early
        credentials.revoke(9, NOW_MS)
        assert 9 in early
    early.close()


def test_a_follower_that_looks_seldom_knows_at_once_what_it_is_told(tmp_path: Path) -> None:
    with contextlib.closing(SqliteCredentials(tmp_path / "credentials.db")) as credentials:
        seldom = SqliteRevocations(tmp_path / "credentials.db", NOW_MS, stale_s=3600)
        assert 9 not in seldom
        credentials.revoke(9, NOW_MS)
        assert 9 not in seldom
        seldom.add(9)
        assert 9 in seldom
        seldom.close()
