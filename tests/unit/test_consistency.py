from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.consistency import MAX_CHARS, MAX_POSITIONS, ConsistencyTokens, InvalidConsistencyTokenError
from infra.log.port import Position
from schemas.catalogue import DERIVED_TOPICS, FACT_TOPICS

TOKENS = ConsistencyTokens(b"secret" * 5)
POSITIONS = st.builds(
    Position,
    st.sampled_from((*FACT_TOPICS, *DERIVED_TOPICS)),
    st.integers(0, 1023),
    st.integers(0, (1 << 40) - 1),
)
PLACES = st.lists(POSITIONS, max_size=MAX_POSITIONS, unique_by=lambda it: it[:2])


@given(PLACES)
def test_what_is_written_is_read(positions: list[Position]) -> None:
    text = TOKENS.write(positions)
    assert len(text) <= MAX_CHARS
    assert TOKENS.read(text) == positions


@given(PLACES, st.integers(0, 1 << 20))
def test_a_changed_bit_is_refused(positions: list[Position], at: int) -> None:
    text = TOKENS.write(positions)
    raw = bytearray(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    raw[at // 8 % len(raw)] ^= 1 << at % 8
    with pytest.raises(InvalidConsistencyTokenError):
        TOKENS.read(base64.urlsafe_b64encode(raw).rstrip(b"=").decode())


@given(st.text(max_size=60) | st.text("ABab01-_=", max_size=60))
def test_a_made_up_token_is_refused(text: str) -> None:
    with pytest.raises(InvalidConsistencyTokenError):
        TOKENS.read(text)


def test_a_token_of_another_installation_is_refused() -> None:
    with pytest.raises(InvalidConsistencyTokenError):
        TOKENS.read(ConsistencyTokens(b"other").write([Position("tweets", 0, 1)]))


def test_of_several_positions_in_a_partition_the_last_counts() -> None:
    positions = [Position("tweets", 3, offset) for offset in (5, 9, 7)]
    assert TOKENS.read(TOKENS.write(positions)) == [Position("tweets", 3, 9)]


def test_a_token_is_short() -> None:
    assert len(TOKENS.write([Position("tweets", 3, 100_000)])) <= 24
