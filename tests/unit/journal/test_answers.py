"""What a key was answered is read by its account's key, in its own intent, and is nothing without it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from infra.auth.data_keys import SqliteDataKeys
from infra.auth.personal_data import new_key
from infra.auth.seals import KeptSeals
from infra.journal.answers import Told, found, kept
from infra.projections import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ADA = 5
INTENT, ANOTHER = b"k" + bytes(range(16)), b"k" + bytes(range(1, 17))
TOLD = Told(b'{"content":"words"}', ADA)


@pytest.fixture
def seals(tmp_path: Path) -> Iterator[KeptSeals]:
    with closing(KeptSeals(SqliteDataKeys(tmp_path / "credentials.db", writes=True), new_key())) as opened:
        yield opened


def test_an_answer_is_read_as_it_was_told_and_stands_nowhere_in_the_clear(seals: KeptSeals) -> None:
    content = kept(TOLD, INTENT, seals)
    assert b"words" not in content
    assert found(content, INTENT, seals) == TOLD


def test_an_answer_passes_for_no_other_intents(seals: KeptSeals) -> None:
    with pytest.raises(ValueError, match="broken"):
        found(kept(TOLD, INTENT, seals), ANOTHER, seals)


def test_of_an_erased_account_nothing_was_told(seals: KeptSeals) -> None:
    content = kept(TOLD, INTENT, seals)
    seals.destroy(ADA)
    assert found(content, INTENT, seals) == Told(b"", ADA)


def test_what_is_nobodys_and_what_was_kept_before_there_were_seals_stands_as_it_is(seals: KeptSeals) -> None:
    assert kept(Told(b"{}", 0), INTENT, seals) == b"{}"
    assert found(b"{}", INTENT, seals) == Told(b"{}", 0)
    assert found(kept(TOLD, INTENT, None), INTENT, None) == Told(TOLD.body, 0)


def test_an_answer_whose_key_is_not_to_be_found_is_not_taken_for_none(seals: KeptSeals, tmp_path: Path) -> None:
    content = kept(TOLD, INTENT, seals)
    without = KeptSeals(SqliteDataKeys(tmp_path / "none.db"), new_key())
    with closing(without), pytest.raises(StoreUnavailableError):
        found(content, INTENT, without)
