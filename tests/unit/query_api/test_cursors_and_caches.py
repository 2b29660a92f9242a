from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.recent import Recent
from query_api import cursors
from query_api.errors import InvalidCursorError
from schemas.ids import to_uuid

MAX = (1 << 63) - 1


@given(st.integers(0, MAX), st.integers(0, MAX))
def test_a_cursor_brings_back_its_key(at_ms: int, row_id: int) -> None:
    cursor = cursors.encode("followers:1", at_ms, row_id)
    assert len(cursor) == cursors.CURSOR_CHARS
    assert cursors.decode("followers:1", cursor) == (at_ms, row_id)


@given(st.text(max_size=40))
def test_a_made_up_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidCursorError):
        cursors.decode("followers:1", text)


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(InvalidCursorError):
        cursors.decode("followers:2", cursors.encode("followers:1", 1, 1))


@pytest.mark.parametrize("key", [(MAX + 1, 0), (0, MAX + 1)])
def test_a_cursor_beyond_what_stores_hold_is_refused_whoever_made_its_digest(key: tuple[int, int]) -> None:
    with pytest.raises(InvalidCursorError):
        cursors.decode("followers:1", cursors.encode("followers:1", *key))


@pytest.mark.parametrize("text", ["", "x", "0", "'; --", "00000000-0000-4000-8000-000000000000"])
def test_a_max_id_that_is_no_id_of_ours_is_refused(text: str) -> None:
    with pytest.raises(InvalidCursorError):
        cursors.parse_max_id(text)


def test_a_max_id_is_a_tweets_id() -> None:
    assert cursors.parse_max_id(to_uuid(77 << 16)) == 77 << 16
    assert cursors.parse_max_id(None) is None


@given(st.integers(0, 30), st.lists(st.lists(st.integers(0, 60), max_size=12, unique=True)))
def test_a_cache_stays_within_its_bound_and_never_tells_a_wrong_value(entries: int, asked: list[list[int]]) -> None:
    kept: Recent[int] = Recent(entries)
    for ids in asked:
        found, missing = kept.take(ids)
        assert found == {one: one * 10 for one in ids if one not in missing}
        assert found.keys() | set(missing) == set(ids)
        kept.put({one: one * 10 for one in missing})
        assert len(kept) <= entries


def test_what_is_asked_for_again_and_again_stays() -> None:
    kept: Recent[str] = Recent(9)
    kept.put({1: "hot"})
    for cold in range(100, 200):
        assert kept.take([1]) == ({1: "hot"}, [])
        kept.put({cold: "cold"})
    kept.drop([1])
    assert kept.take([1]) == ({}, [1])
    assert (kept.hits, kept.misses) == (100, 1)
