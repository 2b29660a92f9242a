from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.log.port import Batch
from schemas.codec import DecodeError, decode
from streams.decoded import DecodedBatches
from tests.unit.streams.fakes import TOPIC, UNDECODABLE, followed, value

if TYPE_CHECKING:
    from schemas.envelope import Event


class Counted:
    def __init__(self) -> None:
        self.values = 0

    def __call__(self, raw: bytes) -> Event:
        self.values += 1
        return decode(raw)


def a_batch(numbers: range, partition: int = 0) -> Batch:
    return Batch(TOPIC, partition, numbers.start, list(numbers), [value(number) for number in numbers])


def test_batches_with_other_bounds_share_what_is_decoded() -> None:
    counted = Counted()
    decoded = DecodedBatches(counted)
    for numbers in (range(10), range(4, 14), range(3), range(2, 14)):
        assert decoded.events(a_batch(numbers)) == [followed(number) for number in numbers]
    assert counted.values == 14


def test_a_batch_that_is_not_next_to_the_window_starts_a_new_one() -> None:
    decoded = DecodedBatches()
    for numbers in (range(10, 20), range(30, 33), range(5)):
        assert decoded.events(a_batch(numbers)) == [followed(number) for number in numbers]


def test_a_projection_that_lags_does_not_take_the_others_windows_away() -> None:
    counted = Counted()
    decoded = DecodedBatches(counted)
    for _ in range(3):
        for numbers in (range(1_000, 1_010), range(10)):
            assert decoded.events(a_batch(numbers)) == [followed(number) for number in numbers]
    assert counted.values == 20


def test_no_more_records_are_kept_than_allowed_and_the_oldest_go_first() -> None:
    counted = Counted()
    decoded = DecodedBatches(counted, kept_records=10)
    for partition in (0, 1, 0, 1):
        assert decoded.events(a_batch(range(8), partition)) == [followed(number) for number in range(8)]
        assert sum(len(window.events) for window in decoded._windows) == decoded._records <= 10
    decoded.events(a_batch(range(100, 140)))
    assert decoded._records == 10


def test_an_undecodable_record_keeps_its_place() -> None:
    events = DecodedBatches().events(Batch(TOPIC, 0, 7, [1, 2, 3], [value(7), UNDECODABLE, value(9)]))
    assert isinstance(events[1], DecodeError)
    assert [events[0], events[2]] == [followed(7), followed(9)]


class Waiting:
    """Decodes as on servers: while a record waits for its key, other loops ask for theirs."""

    def __init__(self, waits_at: int, others: list[range]) -> None:
        self._waits_at, self._others = value(waits_at), others
        self.found: dict[range, list[Event | DecodeError]] = {}
        self.decoded = DecodedBatches(self, kept_records=10)

    def __call__(self, raw: bytes) -> Event:
        if raw == self._waits_at and self._others:
            numbers = self._others.pop()
            self.found[numbers] = self.decoded.events(a_batch(numbers))
        return decode(raw)


OTHERS = [[range(5)], [range(8)], [range(3), range(6)], [range(100, 120)], [range(8), range(100, 120)], [range(5, 9)]]


@pytest.mark.parametrize("others", OTHERS, ids=str)
def test_what_others_decode_during_a_wait_is_not_kept_twice(others: list[range]) -> None:
    waiting = Waiting(4, list(others))
    for numbers in (range(2), range(2, 6), range(6, 9), range(9)):
        assert waiting.decoded.events(a_batch(numbers)) == [followed(number) for number in numbers]
    assert waiting.found == {numbers: [followed(number) for number in numbers] for numbers in others}
    assert sum(len(window.events) for window in waiting.decoded._windows) == waiting.decoded._records <= 10
