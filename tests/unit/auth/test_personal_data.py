from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from infra.auth.personal_data import decrypt, encrypt, new_key

KEY = new_key()


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300), st.integers(0, (1 << 63) - 1))
def test_what_is_sealed_is_opened_by_its_key_for_its_account_only(text: str, user_id: int) -> None:
    sealed = encrypt(KEY, text, user_id)
    assert decrypt(KEY, sealed, user_id) == text
    assert decrypt(new_key(), sealed, user_id) is None
    assert decrypt(KEY, sealed, user_id ^ 1) is None
    assert decrypt(KEY, sealed[:-1], user_id) is None
    assert encrypt(KEY, text, user_id) != sealed
