from __future__ import annotations

import time

import pytest
from prometheus_client import CollectorRegistry

from infra.log.port import Batch, LogUnavailableError, Position, Span, TopicPartition
from infra.projections import StoreUnavailableError
from schemas.catalogue import DEAD_LETTERS
from schemas.codec import decode
from schemas.ids import SnowflakeGenerator
from schemas.operations.events import DeadLettered
from streams.app import watch_lag
from streams.backoff import LONGEST_DELAY_SECONDS
from streams.dead_letters import DeadLetter, DeadLetters
from streams.metrics import StreamMetrics
from tests.unit.streams.fakes import (
    TOPIC,
    UNDECODABLE,
    MemoryDeadLetters,
    MemoryLog,
    MemoryStore,
    ProcessEndedError,
    Sleeps,
    a_loop,
    value,
)

PARTITION = TopicPartition(TOPIC, 0)


def a_batch(numbers: range, values: dict[int, bytes] | None = None) -> Batch:
    raw = [(values or {}).get(number, value(number)) for number in numbers]
    return Batch(TOPIC, 0, numbers.start, list(numbers), raw)


async def test_a_batch_is_applied_in_one_step() -> None:
    store = MemoryStore()
    await a_loop(store).handle(a_batch(range(5)))
    assert store.written == [0, 1, 2, 3, 4]
    assert store.spans == [Span(TOPIC, 0, 0, 5)]


async def test_records_below_the_checkpoint_are_dropped() -> None:
    store = MemoryStore({PARTITION: 3})
    loop = a_loop(store)
    await loop.handle(a_batch(range(3)))
    await loop.handle(a_batch(range(1, 6)))
    await loop.handle(a_batch(range(1, 6)))
    assert store.written == [3, 4, 5]


async def test_a_hole_before_a_batch_ends_the_process() -> None:
    store = MemoryStore()
    with pytest.raises(ProcessEndedError):
        await a_loop(store).handle(a_batch(range(2, 5)))
    assert store.spans == []


async def test_what_another_worker_has_applied_meanwhile_is_left_out() -> None:
    store = MemoryStore()
    loop = a_loop(store)
    await loop.handle(a_batch(range(3)))
    store.next[PARTITION] = 6
    await loop.handle(a_batch(range(3, 10)))
    assert store.written == [0, 1, 2, 6, 7, 8, 9]
    store.next[PARTITION] = 20
    await loop.handle(a_batch(range(10, 15)))
    assert store.written == [0, 1, 2, 6, 7, 8, 9]
    with pytest.raises(ProcessEndedError):
        await loop.handle(a_batch(range(25, 30)))


async def test_an_undecodable_record_goes_to_the_dead_letters_and_the_rest_is_applied_in_one_step() -> None:
    store, dead = MemoryStore(), MemoryDeadLetters()
    await a_loop(store, dead).handle(a_batch(range(5), {2: UNDECODABLE}))
    assert store.written == [0, 1, 3, 4]
    assert store.spans == [Span(TOPIC, 0, 0, 5)]
    [(projection, letter)] = dead.letters
    assert projection == "numbers"
    assert letter.position == Position(TOPIC, 0, 2)
    assert letter.record == UNDECODABLE
    assert "magic" in letter.reason


@pytest.mark.parametrize("poison", [{0}, {4}, {2}, {1, 2}, set(range(5))])
async def test_a_rejected_record_is_found_and_passed_by(poison: set[int]) -> None:
    store, dead = MemoryStore(), MemoryDeadLetters()
    store.rejected = poison
    await a_loop(store, dead).handle(a_batch(range(5)))
    assert store.written == [number for number in range(5) if number not in poison]
    assert store.next == {PARTITION: 5}
    assert {letter.position.offset for _, letter in dead.letters} == poison


async def test_a_store_that_is_busy_gets_the_same_batch_again() -> None:
    store, sleeps = MemoryStore(), Sleeps()
    store.failures = [StoreUnavailableError("busy")] * 12
    await a_loop(store, sleep=sleeps).handle(a_batch(range(5)))
    assert store.written == [0, 1, 2, 3, 4]
    assert len(sleeps.seconds) == 12
    assert sleeps.seconds[0] < sleeps.seconds[-1] <= LONGEST_DELAY_SECONDS


async def test_nothing_passes_a_record_before_its_dead_letter_is_durable() -> None:
    store, dead, sleeps = MemoryStore(), MemoryDeadLetters(), Sleeps()
    dead.failures = [LogUnavailableError("disk full")]
    seen: list[dict[TopicPartition, int]] = []

    async def sleep(seconds: float) -> None:
        seen.append(dict(store.next))
        await Sleeps.__call__(sleeps, seconds)

    loop = a_loop(store, dead)
    loop._sleep = sleep
    await loop.handle(a_batch(range(3), {1: UNDECODABLE}))
    assert seen == [{}]
    assert len(dead.letters) == 1
    assert store.next == {PARTITION: 3}


@pytest.mark.parametrize("error", [ValueError("a bug"), MemoryError(), RuntimeError("no idea")])
async def test_any_other_error_ends_the_process_before_the_batch_is_acknowledged(error: Exception) -> None:
    store = MemoryStore()
    store.failures = [error]
    with pytest.raises(ProcessEndedError) as ended:
        await a_loop(store).handle(a_batch(range(5)))
    assert ended.value.args == (70,)
    assert store.next == {}


async def test_what_happened_is_counted() -> None:
    registry = CollectorRegistry()
    store, dead = MemoryStore(), MemoryDeadLetters()
    store.failures = [StoreUnavailableError("busy")]
    loop = a_loop(store, dead, metrics=StreamMetrics(registry))
    await loop.handle(a_batch(range(5), {2: UNDECODABLE}))
    of = {"projection": "numbers", "generation": "1"}
    assert registry.get_sample_value("murmur_projection_records_total", of) == 5
    assert registry.get_sample_value("murmur_projection_batches_total", of) == 1
    assert registry.get_sample_value("murmur_projection_retries_total", of) == 1
    assert registry.get_sample_value("murmur_dead_letters_total", of) == 1


async def test_lag_is_told_in_records_and_in_the_age_of_the_last_event() -> None:
    loop = a_loop(MemoryStore())
    await loop.handle(a_batch(range(5)))
    assert loop.lag({PARTITION: 5}) == (0, 0.0)
    lag = loop.lag({PARTITION: 8, TopicPartition(TOPIC, 1): 2})
    assert lag.events == 5
    assert lag.seconds == pytest.approx(time.time() - (1_000 + 4) / 1000, abs=5)


async def test_lag_is_exported_as_it_is_at_the_scrape() -> None:
    registry, log = CollectorRegistry(), MemoryLog()
    metrics = StreamMetrics(registry)
    loop = a_loop(MemoryStore(), metrics=metrics)
    watch_lag(metrics, loop, (TOPIC,), log)
    of = {"projection": "numbers", "generation": "1"}
    assert registry.get_sample_value("murmur_projection_lag_events", of) == 0
    log.fill(range(7))
    assert registry.get_sample_value("murmur_projection_lag_events", of) == 7
    await loop.handle(a_batch(range(7)))
    assert registry.get_sample_value("murmur_projection_lag_events", of) == 0
    assert registry.get_sample_value("murmur_projection_lag_seconds", of) == 0


async def test_the_reason_of_a_dead_letter_is_bounded() -> None:
    log = MemoryLog()
    letters = DeadLetters(log, SnowflakeGenerator(1, lambda: 5))
    await letters.append("numbers", [DeadLetter(Position(TOPIC, 0, 3), "x" * 5_000, b"raw")])
    batch = log.read(DEAD_LETTERS, 0, 0, 10)
    assert batch is not None
    letter = decode(batch.values[0])
    assert isinstance(letter, DeadLettered)
    assert (letter.reason, letter.record, letter.offset) == ("x" * 1_000, b"raw", 3)
    assert letter.envelope.occurred_at_ms == 5
