"""What may be a password: anything that is long enough, and that nobody tries first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.accounts.guessable import _guessed, check_not_guessable
from commands.accounts.handler import MIN_PASSWORD_CHARS, check_password
from commands.errors import CommandRefusedError

GUESSED = ["password", "12345678", "Password", "QWERTYUIOP", "1qaz2wsx", "adalovelace", "ADALOVELACE1", "murmuration99"]


@pytest.mark.parametrize("password", GUESSED)
def test_what_everybody_guesses_is_refused(password: str) -> None:
    with pytest.raises(CommandRefusedError) as caught:
        check_not_guessable(password, "AdaLovelace", "password")
    assert (caught.value.code, caught.value.param) == ("password_invalid", "password")


def test_the_list_is_of_what_is_long_enough_and_thousands_of_them() -> None:
    assert len(_guessed()) == 5_000
    assert all(len(password) >= MIN_PASSWORD_CHARS and password == password.lower() for password in _guessed())


@given(st.text(min_size=12, max_size=256))
def test_any_composition_may_be_one(password: str) -> None:
    check_password(password, "password")
    if password.lower() not in _guessed():
        check_not_guessable(password, "somebody_with_a_name", "password")


@pytest.mark.parametrize("password", ["a long password", "correct horse battery", "ada and bob went home", "🦜" * 8])
def test_words_and_signs_of_any_kind_do(password: str) -> None:
    check_password(password, "password")
    check_not_guessable(password, "ada", "password")
