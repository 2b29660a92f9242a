from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from infra.auth.personal_data import decrypt, encrypt, new_key, unwrap, wrap

KEY, OTHER = AESGCM(new_key()), AESGCM(new_key())


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300), st.integers(0, (1 << 63) - 1))
def test_what_is_sealed_is_opened_by_its_key_for_its_account_only(text: str, user_id: int) -> None:
    sealed = encrypt(KEY, text, user_id)
    assert decrypt(KEY, sealed, user_id) == text
    assert decrypt(OTHER, sealed, user_id) is None
    assert decrypt(KEY, sealed, user_id ^ 1) is None
    assert decrypt(KEY, sealed[:-1], user_id) is None
    assert encrypt(KEY, text, user_id) != sealed


def test_a_key_is_kept_wrapped_and_comes_out_under_the_same_secret_only() -> None:
    key, secret = new_key(), new_key()
    wrapped = wrap(key, secret)
    assert key not in wrapped
    assert unwrap(wrapped, secret) == key
    with pytest.raises(ValueError, match="another one"):
        unwrap(wrapped, new_key())


def test_a_key_from_before_keys_were_wrapped_is_as_it_is() -> None:
    key = new_key()
    assert unwrap(key, new_key()) == key
