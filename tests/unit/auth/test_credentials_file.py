"""The file of the embedded credentials: who may read it, that it does not grow, and those who follow it."""

from __future__ import annotations

import contextlib
import stat
from typing import TYPE_CHECKING

from infra.auth.credentials import Session, SqliteCredentials, hash_of
from infra.auth.revocations import SqliteRevocations

if TYPE_CHECKING:
    from pathlib import Path

NOW_MS = 1_700_000_000_000
DAY_MS = 86_400_000
LIFE_MS = 30 * DAY_MS
SESSION = Session(9, 1)


def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    with contextlib.closing(SqliteCredentials(tmp_path / "credentials.db")):
        pass
    assert stat.S_IMODE((tmp_path / "credentials.db").stat().st_mode) == 0o600


def test_a_session_in_use_does_not_grow_without_end(tmp_path: Path) -> None:
    with contextlib.closing(SqliteCredentials(tmp_path / "credentials.db")) as credentials:
        credentials.open_session(SESSION, hash_of("0"), NOW_MS + LIFE_MS)
        for day in range(100):
            now_ms = NOW_MS + day * DAY_MS
            credentials.rotate(hash_of(f"{day}"), hash_of(f"{day + 1}"), now_ms, now_ms + LIFE_MS)
        kept = len(credentials._db.execute("SELECT hash FROM refresh_tokens").fetchall())
        assert kept <= LIFE_MS // DAY_MS + 2


def test_a_sweep_removes_what_has_expired(tmp_path: Path) -> None:
    with contextlib.closing(SqliteCredentials(tmp_path / "credentials.db")) as credentials:
        credentials.open_session(SESSION, hash_of("a"), NOW_MS + LIFE_MS)
        credentials.revoke(9, NOW_MS)
        credentials.sweep(NOW_MS + LIFE_MS + 1, lambda _: None)
        for table in ("sessions", "refresh_tokens", "revocations"):
            assert credentials._db.execute(f"SELECT count(*) FROM {table}").fetchall() == [(0,)]
        with contextlib.closing(SqliteRevocations(tmp_path / "credentials.db", NOW_MS)) as late:
            assert 9 not in late


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


def test_a_file_from_before_there_were_apps_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "credentials.db"
    with contextlib.closing(SqliteCredentials(path)) as credentials:
        credentials.open_session(SESSION, hash_of("a"), NOW_MS + LIFE_MS)
        for column in ("app_id", "scopes", "agent"):
            credentials._db.execute(f"ALTER TABLE sessions DROP COLUMN {column}")
    with contextlib.closing(SqliteCredentials(path)) as credentials:
        assert credentials.rotate(hash_of("a"), hash_of("b"), NOW_MS, NOW_MS + LIFE_MS) == SESSION
