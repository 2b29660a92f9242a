"""What every backend of accounts promises."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from projections.accounts.read_model import ADMIN, FOREVER_MS, Account, AccountsReader, Standing
from projections.accounts.standings import Standings
from schemas.accounts.events import (
    AccountDeactivated,
    AccountErased,
    AccountReactivated,
    AccountRegistered,
    AccountSuspended,
    ProfileEdited,
    ReachChanged,
    RoleChanged,
    VerifiedChanged,
)
from tests.builders import EPOCH_MS, envelope, registered, restored, signed_in, suspended
from tests.contract.backends import BACKENDS, Kept

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANN = Account(1, "Ann", "Ann", "", "", "", "", verified=False, status="ACTIVE", created_at_ms=EPOCH_MS)


@pytest.fixture(params=BACKENDS["accounts"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept[AccountsReader]]:
    with closing(Kept[AccountsReader](BACKENDS["accounts"][request.param], tmp_path / "g1.db")) as it:
        yield it


def edited(user_id: int, **fields: Any) -> ProfileEdited:
    return ProfileEdited(envelope(), user_id, **fields)


def test_a_registered_account_is_found_by_id(kept: Kept[AccountsReader]) -> None:
    kept.say_at_once(registered(1, "Ann"), registered(2, "bob"))
    assert kept.reader.many([1, 3]) == {1: ANN}
    assert isinstance(kept.reader.many([1])[1].verified, bool)


def test_names_are_found_whatever_their_case(kept: Kept[AccountsReader]) -> None:
    kept.say_at_once(registered(1, "Ann"), registered(2, "bob"))
    assert kept.reader.ids_by_username(["aNN", "BOB", "carol"]) == {"ann": 1, "bob": 2}


def test_an_edit_changes_what_it_names_and_nothing_else(kept: Kept[AccountsReader]) -> None:
    kept.say(registered(1, "Ann"), edited(1, bio="bird"), edited(1, location="Rome", bio=""), signed_in(1))
    assert kept.reader.many([1])[1] == ANN._replace(location="Rome")


def test_an_edit_in_the_batch_of_its_registration_holds(kept: Kept[AccountsReader]) -> None:
    kept.say_at_once(registered(1, "Ann"), edited(1, bio="bird"), edited(1, bio="two birds"))
    assert kept.reader.many([1])[1].bio == "two birds"


def test_a_registration_logged_again_undoes_no_edit(kept: Kept[AccountsReader]) -> None:
    kept.say(registered(1, "Ann"), edited(1, bio="bird"), registered(1, "Ann"))
    assert kept.reader.many([1])[1].bio == "bird"


def test_changed_tells_of_every_edit_once(kept: Kept[AccountsReader]) -> None:
    kept.say(registered(1), registered(2), registered(3))
    kept.reader.changed()
    kept.say(edited(2, bio="x"), edited(9, bio="nobody"))
    assert {2} <= set(kept.reader.changed()) <= {2, 9}
    assert kept.reader.changed() == []


def test_what_others_decide_is_told_of_those_it_concerns(kept: Kept[AccountsReader]) -> None:
    kept.say(*(registered(n) for n in range(1, 7)))
    assert kept.reader.standings() == {}
    kept.say_at_once(suspended(1), suspended(2, 99), suspended(3), restored(3))
    kept.say(RoleChanged(envelope(), 4, ADMIN), ReachChanged(envelope(), 5, limited=True), suspended(77))
    kept.say(VerifiedChanged(envelope(), 6, verified=True))
    told = {user_id: it for user_id, it in kept.reader.standings().items() if it != Standing()}
    assert told == {
        1: Standing(suspended_until_ms=FOREVER_MS),
        2: Standing(suspended_until_ms=99),
        4: Standing(role=ADMIN),
        5: Standing(limited=True),
    }
    assert kept.reader.many([6])[6].verified
    assert kept.reader.many([2])[2].standing == told[2]


def test_an_account_knows_why_it_is_suspended_until_it_is_restored(kept: Kept[AccountsReader]) -> None:
    kept.say(registered(1), AccountSuspended(envelope(), 1, 99, "spam", 7))
    found = kept.reader.many([1])[1]
    assert (found.suspended_until_ms, found.suspended_reason, found.suspended_case) == (99, "spam", 7)
    kept.say(suspended(1))
    found = kept.reader.many([1])[1]
    assert (found.suspended_until_ms, found.suspended_reason, found.suspended_case) == (FOREVER_MS, "spam", 0)
    kept.say(restored(1))
    found = kept.reader.many([1])[1]
    assert (found.suspended_until_ms, found.suspended_reason, found.suspended_case) == (0, "", 0)


def test_standings_follow_what_is_decided_and_the_clock(kept: Kept[AccountsReader]) -> None:
    kept.say(*(registered(n) for n in range(1, 4)), suspended(1), suspended(2, 50))
    now = [49]
    known = Standings(lambda: now[0])
    known.follow(kept.reader)
    known.look()
    kept.reader.changed()
    assert known.gone == {1, 2}
    assert known.refusal(2) == "account_suspended"
    now[0] = 50
    assert known.gone == {1}
    assert known.refusal(2) is None
    kept.say(restored(1), suspended(3))
    known.refresh()
    assert known.gone == {3}


def test_an_empty_question_has_an_empty_answer(kept: Kept[AccountsReader]) -> None:
    assert kept.reader.many([]) == {}
    assert kept.reader.ids_by_username([]) == {}


def test_an_erased_account_has_no_words_and_no_name_and_a_replay_ends_alike(kept: Kept[AccountsReader]) -> None:
    unread = AccountRegistered(envelope(), 2, "", "", sealed=b"x")
    kept.say(
        registered(1, "Ann"), edited(1, bio="bird", location="Rome"), VerifiedChanged(envelope(), 1, verified=True)
    )
    kept.say(AccountErased(envelope(), 1))
    kept.say_at_once(unread, ProfileEdited(envelope(), 2, sealed=b"x"), AccountErased(envelope(), 2))
    found = kept.reader.many([1, 2])
    assert found[1] == found[2]._replace(user_id=1)
    assert (found[1].username, found[1].bio, found[1].verified, found[1].status) == ("", "", False, "DELETED")
    assert kept.reader.ids_by_username(["ann"]) == {}
    assert {1, 2} <= kept.reader.standings().keys()


def test_a_name_that_is_registered_and_erased_in_one_batch_leads_nowhere(kept: Kept[AccountsReader]) -> None:
    kept.say_at_once(registered(1, "Ann"), registered(2, "bob"), AccountErased(envelope(), 1))
    assert kept.reader.ids_by_username(["ann", "bob"]) == {"bob": 2}


def test_a_closed_account_is_hidden_until_it_comes_back(kept: Kept[AccountsReader]) -> None:
    kept.say(registered(1, "Ann"), AccountDeactivated(envelope(), 1, 9))
    assert kept.reader.many([1])[1].standing.status_at(0) == "DELETED"
    kept.say(AccountReactivated(envelope(), 1))
    assert kept.reader.many([1])[1] == ANN


def test_nobody_is_found_by_no_name_which_is_what_an_erased_account_has(kept: Kept[AccountsReader]) -> None:
    assert kept.reader.ids_by_username(["", "nobody"]) == {}
