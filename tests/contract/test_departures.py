"""What every store of keys of personal data, and of who is to be erased, promises; the cluster's run it, too."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

import pytest

from infra.auth.data_keys import DataKey, DataKeys, SqliteDataKeys
from infra.auth.departures import Departures, SqliteDepartures
from infra.auth.personal_data import new_key
from infra.auth.seals import ErasedAccountError, KeptSeals

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ADA, BOB, EVE = 1, 2, 3
KEY, OTHER = DataKey(b"wrapped", b"sealed", "email:digest"), DataKey(b"another")


class Kept(NamedTuple):
    """Both, empty."""

    keys: DataKeys
    departures: Departures


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    path = tmp_path / "credentials.db"
    with (
        contextlib.closing(SqliteDataKeys(path, writes=True)) as keys,
        contextlib.closing(SqliteDepartures(path)) as departures,
    ):
        yield Kept(keys, departures)


def test_a_key_is_kept_as_it_was_first_made(kept: Kept) -> None:
    kept.keys.make(ADA, KEY)
    kept.keys.make(ADA, OTHER)
    kept.keys.make(BOB, OTHER)
    assert kept.keys.find((ADA, BOB, EVE)) == {ADA: KEY, BOB: OTHER}


def test_of_a_destroyed_key_nothing_is_left_but_that_it_was_and_it_is_not_made_again(kept: Kept) -> None:
    kept.keys.make(ADA, KEY)
    for _ in range(2):
        kept.keys.destroy(ADA)
        kept.keys.destroy(EVE)  # who never had one: it will not get one, either
    for user_id in (ADA, EVE):
        kept.keys.make(user_id, OTHER)
    assert kept.keys.find((ADA, EVE)) == {ADA: DataKey(None), EVE: DataKey(None)}


def test_processes_seal_under_one_key_and_none_does_once_it_was_destroyed(kept: Kept) -> None:
    secret = new_key()
    one, other = KeptSeals(kept.keys, secret), KeptSeals(kept.keys, secret)
    assert other.open(ADA, 7, one.seal(ADA, 7, b"said")) == b"said"
    assert one.open(ADA, 8, other.seal(ADA, 8, b"as well")) == b"as well"
    sealed = one.seal(ADA, 9, b"gone")
    one.destroy(ADA)
    assert KeptSeals(kept.keys, secret).open(ADA, 9, sealed) is None
    with pytest.raises(ErasedAccountError):
        one.seal(ADA, 10, b"too late")


def test_those_whose_time_has_come_are_told_the_longest_waiting_first(kept: Kept) -> None:
    for user_id, at_ms in ((ADA, 300), (BOB, 100), (EVE, 200)):
        kept.departures.note(user_id, at_ms)
    kept.departures.note(EVE, 50)
    assert [kept.departures.erase_at(it) for it in (ADA, EVE, 9)] == [300, 50, None]
    assert kept.departures.due(299, 9) == [EVE, BOB]
    assert kept.departures.due(299, 1) == [EVE]
    kept.departures.forget(EVE)
    assert kept.departures.due(300, 9) == [BOB, ADA]


def test_one_process_is_about_an_account_until_its_time_is_over_or_it_gives_it_back(kept: Kept) -> None:
    kept.departures.note(ADA, 0)
    assert kept.departures.lease(ADA, 1_000, 2_000)
    assert not kept.departures.lease(ADA, 1_999, 3_000)
    assert kept.departures.lease(ADA, 2_001, 4_000)
    assert kept.departures.lease(ADA, 4_001, 0)  # given back
    assert kept.departures.lease(ADA, 2_500, 9_000)
    assert not kept.departures.lease(BOB, 1, 2)  # not noted: somebody has done it
