from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import (
    CLOCK_BACKWARD_LIMIT_MS,
    MAX_ID,
    ClockWentBackError,
    SnowflakeGenerator,
    first_id_at,
    from_uuid,
    to_uuid,
    unix_ms,
)

IDS = st.integers(0, MAX_ID)


@given(IDS)
def test_an_id_comes_back_from_its_uuid_in_any_case(snowflake: int) -> None:
    assert from_uuid(to_uuid(snowflake)) == snowflake
    assert from_uuid(to_uuid(snowflake).upper()) == snowflake


@given(IDS, IDS)
def test_ids_and_their_uuids_sort_alike(one: int, other: int) -> None:
    assert (one < other) == (to_uuid(one) < to_uuid(other))


@given(IDS)
def test_a_uuid_is_one_of_version_7_with_the_milliseconds_in_front(snowflake: int) -> None:
    read = uuid.UUID(to_uuid(snowflake))
    assert (read.version, read.variant) == (7, uuid.RFC_4122)
    assert read.int >> 80 == unix_ms(snowflake)
    assert str(read) == to_uuid(snowflake)


@given(st.uuids(allow_nil=True))
def test_a_foreign_uuid_is_none_of_ours(foreign: uuid.UUID) -> None:
    found = from_uuid(str(foreign))
    assert found is None or to_uuid(found) == str(foreign)


@given(st.text(max_size=40))
def test_no_text_at_all_makes_reading_raise(text: str) -> None:
    found = from_uuid(text)
    assert found is None or to_uuid(found) == text.lower()


@given(IDS, st.integers(0, 35), st.sampled_from("0123456789abcdef"))
def test_a_uuid_with_one_digit_changed_is_another_id_or_none(snowflake: int, at: int, digit: str) -> None:
    text = to_uuid(snowflake)
    changed = text[:at] + digit + text[at + 1 :]
    found = from_uuid(changed)
    assert found is None or (found == snowflake) == (changed == text)


@pytest.mark.parametrize(
    "text",
    [
        "00000000-0000-4000-8000-000000000000",  # version 4
        "00000000-0000-7000-c000-000000000000",  # another variant
        "00000000-0000-7000-8001-000000000000",  # random bits that ours leave zero
        "00000000-0000-7000-8000-000000000001",
        "ffffffff-ffff-7000-8000-000000000000",  # beyond 63 bits
        "00000000-0000-7000-8000-00000000000",
        " 00000000-0000-7000-8000-000000000000",
        "00000000000070008000000000000000",
        "\u06600000000-0000-7000-8000-000000000000",  # a digit, but none of hexadecimal
    ],
)
def test_what_is_not_ours_is_read_as_none(text: str) -> None:
    assert from_uuid(text) is None


@given(st.lists(st.integers(0, CLOCK_BACKWARD_LIMIT_MS), min_size=1, max_size=50), st.integers(0, 255))
def test_ids_grow_strictly_however_the_clock_steps_within_its_limit(steps: list[int], worker: int) -> None:
    now = iter([1_700_000_000_000 + step for step in steps])
    generator = SnowflakeGenerator(worker, lambda: next(now))
    ids = [generator.next_id() for _ in steps]
    assert ids == sorted(set(ids))
    assert {snowflake & 0xFF for snowflake in ids} == {worker}


def test_a_clock_too_far_back_gives_no_id() -> None:
    generator = SnowflakeGenerator(0, lambda: 0)
    last = generator.next_id_at(1_700_000_000_000)
    assert unix_ms(generator.next_id_at(1_700_000_000_000 - CLOCK_BACKWARD_LIMIT_MS)) == unix_ms(last)
    with pytest.raises(ClockWentBackError):
        generator.next_id_at(1_700_000_000_000 - CLOCK_BACKWARD_LIMIT_MS - 1)


def test_a_millisecond_with_more_than_256_ids_borrows_from_the_next() -> None:
    generator = SnowflakeGenerator(7, lambda: 1_700_000_000_000)
    ids = [generator.next_id() for _ in range(600)]
    assert ids == sorted(set(ids))
    assert [unix_ms(ids[at]) - 1_700_000_000_000 for at in (0, 255, 256, 512)] == [0, 0, 1, 2]


@pytest.mark.parametrize("worker", [-1, 256])
def test_a_worker_number_that_does_not_fit_is_refused(worker: int) -> None:
    with pytest.raises(ValueError, match="worker"):
        SnowflakeGenerator(worker, lambda: 0)


def test_the_first_id_of_a_millisecond_is_above_all_before_and_not_above_any_of_it() -> None:
    generator = SnowflakeGenerator(255, lambda: 0)
    before, within = generator.next_id_at(999), generator.next_id_at(1000)
    assert before < first_id_at(1000) <= within
