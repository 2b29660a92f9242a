"""What every store of push subscriptions promises; tests/cluster/test_push.py runs it over Cassandra."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.push.files import SqliteSubscriptions
from infra.push.subscriptions import MAX_SUBSCRIPTIONS, Subscription, id_of
from infra.push.webpush import Keys

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.push.subscriptions import Subscriptions

KEYS = Keys(b"p" * 65, b"a" * 16)
ADA, BOB, EVE = 1, 2, 3


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Subscriptions]:
    it = SqliteSubscriptions(tmp_path / "push.db")
    yield it
    it.close()


def device(user_id: int, name: str, at_ms: int = 0, keys: Keys = KEYS) -> Subscription:
    return Subscription(user_id, f"https://push.example.org/{name}", keys, at_ms)


def test_an_account_has_the_devices_that_it_gave(kept: Subscriptions) -> None:
    given = [device(ADA, "a", 1), device(ADA, "b", 2), device(BOB, "c", 3)]
    for one in given:
        kept.add(one)
    found = kept.of([ADA, BOB, EVE])
    assert {user: sorted(devices) for user, devices in found.items()} == {ADA: given[:2], BOB: given[2:]}
    assert kept.of([EVE]) == kept.of([]) == {}


def test_one_that_is_given_again_has_its_new_keys(kept: Subscriptions) -> None:
    kept.add(device(ADA, "a"))
    again = device(ADA, "a", 5, Keys(b"q" * 65, b"b" * 16))
    kept.add(again)
    assert kept.of([ADA]) == {ADA: [again]}


def test_an_endpoint_belongs_to_whoever_gave_it_last(kept: Subscriptions) -> None:
    kept.add(device(ADA, "a", 1))
    kept.add(device(BOB, "a", 2))
    assert kept.of([ADA, BOB]) == {BOB: [device(BOB, "a", 2)]}
    kept.remove(ADA, id_of("https://push.example.org/a"))  # it is not hers any more
    assert kept.of([ADA, BOB]) == {BOB: [device(BOB, "a", 2)]}


def test_what_is_removed_is_gone_and_may_come_back(kept: Subscriptions) -> None:
    kept.add(device(ADA, "a"))
    for _ in range(2):
        kept.remove(ADA, id_of("https://push.example.org/a"))
    assert kept.of([ADA]) == {}
    kept.add(device(ADA, "a"))
    assert kept.of([ADA]) == {ADA: [device(ADA, "a")]}


def test_the_newest_are_kept(kept: Subscriptions) -> None:
    for number in range(MAX_SUBSCRIPTIONS + 5):
        kept.add(device(ADA, str(number), number))
    assert sorted(it.at_ms for it in kept.of([ADA])[ADA]) == list(range(5, MAX_SUBSCRIPTIONS + 5))
