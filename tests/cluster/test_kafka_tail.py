"""The tail of the log on a real Kafka: where it begins, what it gives, and what it says when topics are made anew."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from infra.log.kafka_tail import KafkaTail
from infra.log.port import Record, TopicPartition
from tests.cluster.kafka_log import KafkaLog, delete_topics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.log.port import Batch
    from infra.servers import Fleet

pytestmark = pytest.mark.cluster

SECONDS = 30


@pytest.fixture
def topics() -> dict[str, int]:
    name = secrets.token_hex(4)
    return {f"tail-a-{name}": 3, f"tail-b-{name}": 2}


@pytest.fixture
def log(fleet: Fleet, topics: dict[str, int]) -> Iterator[KafkaLog]:
    fleet.start("kafka")
    with closing(KafkaLog(fleet.settings()["kafka_bootstrap"], topics)) as made:
        yield made
        delete_topics(made.bootstrap, topics)


async def records(tail: KafkaTail, count: int) -> dict[TopicPartition, list[tuple[int, int, bytes]]]:
    """Read until so many records were given: by place, (offset, key, value)."""
    found: dict[TopicPartition, list[tuple[int, int, bytes]]] = {}
    left = count
    async with asyncio.timeout(SECONDS):
        while left > 0:
            for batch in await tail.more():
                found.setdefault(TopicPartition(batch.topic, batch.partition), []).extend(numbered(batch))
                left -= len(batch.values)
    assert left == 0
    return found


def numbered(batch: Batch) -> list[tuple[int, int, bytes]]:
    return [(batch.base_offset + at, batch.keys[at], batch.values[at]) for at in range(len(batch.values))]


async def append(log: KafkaLog, topics: dict[str, int], first: int, count: int) -> dict[TopicPartition, list[int]]:
    """Append records that say their number; return, by place, the numbers in the log's order."""
    said = [Record(topic, n * 7, b"%d" % n) for n in range(first, first + count) for topic in topics]
    by_place: dict[TopicPartition, list[tuple[int, int]]] = {}
    for record, position in zip(said, await log.log.append(said), strict=True):
        place = TopicPartition(position.topic, position.partition)
        by_place.setdefault(place, []).append((position.offset, int(record.value)))
    return {place: [number for _, number in sorted(found)] for place, found in by_place.items()}


async def test_a_tail_gives_what_is_kept_back_and_then_what_comes(log: KafkaLog, topics: dict[str, int]) -> None:
    before = await append(log, topics, 0, 60)
    with closing(KafkaTail(log.bootstrap)) as tail:
        starts = await tail.begin(tuple(topics), 5)
        assert starts == {place: max(0, len(found) - 5) for place, found in before.items()}
        assert tail.ends() == {place: len(found) for place, found in before.items()}
        assert tail.log_id == log.reader().log_id
        kept = await records(tail, sum(min(5, len(found)) for found in before.values()))
        assert {place: [int(value) for _, _, value in found] for place, found in kept.items()} == {
            place: found[-5:] for place, found in before.items()
        }
        after = await append(log, topics, 60, 40)
        came = await records(tail, 80)
        for place, found in came.items():
            assert [offset for offset, _, _ in found] == list(
                range(len(before[place]), len(before[place]) + len(found))
            )
            assert [int(value) for _, _, value in found] == after[place]
            assert all(key == 7 * int(value) for _, key, value in found)


async def test_a_tail_begins_again_where_it_is_told(log: KafkaLog, topics: dict[str, int]) -> None:
    await append(log, topics, 0, 10)
    with closing(KafkaTail(log.bootstrap)) as tail:
        for _ in range(2):
            starts = await tail.begin(tuple(topics), 3)
            wanted = sum(end - starts[place] for place, end in tail.ends().items())
            assert sum(len(found) for found in (await records(tail, wanted)).values()) == wanted
