from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from infra.auth.keys import KeyRing, secret
from infra.auth.revocations import SqliteRevocations
from infra.auth.tokens import AccessTokens, AccessTokenVerifier, TokenError

if TYPE_CHECKING:
    from pathlib import Path


class HandSetClock:
    def __init__(self) -> None:
        self.ms = 1_700_000_000_000

    def now_ms(self) -> int:
        return self.ms


def test_keys_and_secrets_are_their_owners_alone(tmp_path: Path) -> None:
    KeyRing(tmp_path / "keys").signing()
    secret(tmp_path / "keys", "consistency")
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    files = list((tmp_path / "keys").iterdir())
    assert len(files) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_a_secret_is_the_same_for_all_who_ask_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(lambda _: secret(tmp_path, "name"), range(32)))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["name.secret"]


def test_a_verifier_elsewhere_learns_of_a_new_key_and_of_one_that_is_gone(tmp_path: Path) -> None:
    clock = HandSetClock()
    ours, theirs = KeyRing(tmp_path), KeyRing(tmp_path)
    tokens = AccessTokens(ours, clock, 900)
    verifier = AccessTokenVerifier(theirs, SqliteRevocations(tmp_path / "none.db", 0), clock)
    assert verifier.verify(tokens.issue(1, 2)).user_id == 1
    ours.rotate()
    assert verifier.verify(tokens.issue(3, 4)).user_id == 3
    oldest = min(tmp_path.glob("*.pem"))
    old_token = tokens.issue(5, 6)
    oldest.unlink()
    assert len(theirs.jwks()["keys"]) == 1
    assert verifier.verify(old_token).user_id == 5


def test_a_token_verified_before_still_expires(tmp_path: Path) -> None:
    clock = HandSetClock()
    keys = KeyRing(tmp_path)
    token = AccessTokens(keys, clock, 900).issue(1, 2)
    verifier = AccessTokenVerifier(keys, SqliteRevocations(tmp_path / "none.db", 0), clock)
    clock.ms += 899_000
    assert verifier.verify(token).session_id == 2
    clock.ms += 1_000
    for _ in range(2):
        with pytest.raises(TokenError) as refused:
            verifier.verify(token)
        assert refused.value.code == "token_expired"


def test_the_newest_key_signs_also_after_old_ones_were_removed(tmp_path: Path) -> None:
    keys = KeyRing(tmp_path)
    first, second = keys.signing().kid, keys.rotate()
    (tmp_path / f"{first}.ed25519.pem").unlink()
    third = keys.rotate()
    assert keys.ids() == [second, third]
    assert keys.signing().kid == third
