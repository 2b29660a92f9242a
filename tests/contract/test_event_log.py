"""What every event log promises, whatever it is made of; tests/cluster/test_kafka_contract.py runs it over Kafka."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol

import pytest

from infra.log.embedded import EmbeddedLogReader, ensure, open_appender
from infra.log.partitioner import partition_of
from infra.log.port import (
    EventLog,
    LogReader,
    LogUnavailableError,
    OffsetOutOfRangeError,
    Position,
    Record,
    TopicPartition,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.archive.port import StampedLog

PARTITIONS = {"tweets": 4, "follows": 3}


class Log(Protocol):
    """One log, as the suite uses it."""

    @property
    def log(self) -> EventLog:
        """Return the appending side."""

    def reader(self) -> StampedLog:
        """Return a reader of its own."""

    def close(self) -> None:
        """Close the log and all readers; a repeat changes nothing."""


class EmbeddedLog:
    """The embedded backend."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        ensure(folder, PARTITIONS)
        self.log = open_appender(folder, "facts", PARTITIONS)
        self._readers: list[EmbeddedLogReader] = []

    def reader(self) -> EmbeddedLogReader:
        self._readers.append(EmbeddedLogReader(self._folder))
        return self._readers[-1]

    def close(self) -> None:
        for reader in self._readers:
            reader.close()
        self.log.close()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with contextlib.closing(EmbeddedLog(tmp_path / "log")) as backend:
        yield backend


def _records(keys: range, topic: str = "tweets") -> list[Record]:
    return [Record(topic, key, b"value %d" % key) for key in keys]


def _all(reader: LogReader, topic: str = "tweets", batch: int = 1000) -> dict[Position, bytes]:
    found: dict[Position, bytes] = {}
    for partition in range(reader.partitions(topic)):
        offset = 0
        while records := reader.read(topic, partition, offset, batch):
            assert records.base_offset == offset
            assert len(records.keys) == len(records.values) <= batch
            for at, value in enumerate(records.values):
                found[Position(topic, partition, offset + at)] = value
            offset = records.next_offset
    return found


async def test_what_is_appended_is_read_at_the_position_that_was_answered(log: Log) -> None:
    records = _records(range(100))
    positions = await log.log.append(records)
    assert _all(log.reader()) == dict(zip(positions, [record.value for record in records], strict=True))


async def test_a_record_goes_to_the_partition_of_its_key(log: Log) -> None:
    positions = await log.log.append(_records(range(100)))
    assert [at.partition for at in positions] == [partition_of(key, PARTITIONS["tweets"]) for key in range(100)]


async def test_offsets_have_no_gaps_and_keep_the_order_of_a_key_also_among_concurrent_appends(log: Log) -> None:
    async def writer(key: int) -> list[Position]:
        return [(await log.log.append([Record("tweets", key, b"%d" % n)]))[0] for n in range(20)]

    positions = await asyncio.gather(*[writer(key) for key in range(10)])
    found = _all(log.reader())
    for of_one_key in positions:
        assert of_one_key == sorted(of_one_key)
        assert [found[at] for at in of_one_key] == [b"%d" % n for n in range(20)]
    ends = log.reader().end_offsets(["tweets"])
    assert {(at.partition, at.offset) for at in found} == {
        (partition, offset) for (_, partition), end in ends.items() for offset in range(end)
    }


@pytest.mark.parametrize(
    "wrong", [Record("no such topic", 1, b""), Record("tweets", -1, b""), Record("tweets", 1 << 63, b"")]
)
async def test_nothing_is_written_of_an_append_with_a_record_at_fault(log: Log, wrong: Record) -> None:
    right = log.log.append([Record("tweets", 2, b"another's, at the same time")])
    outcomes = await asyncio.gather(log.log.append([*_records(range(50)), wrong]), right, return_exceptions=True)
    assert isinstance(outcomes[0], KeyError | ValueError)
    assert list(_all(log.reader()).values()) == [b"another's, at the same time"]


async def test_an_append_of_nothing_is_answered_with_nothing(log: Log) -> None:
    assert await log.log.append([]) == []
    assert _all(log.reader()) == {}


async def test_topics_do_not_mix(log: Log) -> None:
    await log.log.append([*_records(range(30)), *_records(range(30), "follows")])
    assert len(_all(log.reader())) == len(_all(log.reader(), "follows")) == 30


@pytest.mark.parametrize("batch", [1, 3, 7, 1000])
async def test_reading_may_start_at_any_offset_in_any_portions(log: Log, batch: int) -> None:
    for start in range(0, 40, 10):
        await log.log.append([Record("tweets", 5, b"%d" % n) for n in range(start, start + 10)])
    reader, partition = log.reader(), partition_of(5, PARTITIONS["tweets"])
    assert list(_all(reader, batch=batch).values()) == [b"%d" % n for n in range(40)]
    for offset in range(40):
        found = reader.read("tweets", partition, offset, batch)
        assert found is not None
        assert found.values == [b"%d" % n for n in range(offset, min(40, offset + batch))]


@pytest.mark.parametrize("batch", [1, 7, 1000])
async def test_the_archiver_reads_the_same_with_the_times_of_append(log: Log, batch: int) -> None:
    for start in range(0, 40, 10):
        await log.log.append([Record("tweets", 5, b"%d" % n) for n in range(start, start + 10)])
    reader, partition = log.reader(), partition_of(5, PARTITIONS["tweets"])
    for offset in (0, 9, 33, 39):
        found = reader.read_stamped("tweets", partition, offset, batch)
        assert found is not None
        assert found.batch == reader.read("tweets", partition, offset, batch)
        places = range(offset, found.batch.next_offset)
        assert found.appended_ms == [reader.appended_at_ms("tweets", partition, place) for place in places]
        assert list(found.headers) == []
    assert reader.read_stamped("tweets", partition, 40, batch) is None
    assert reader.identity("tweets") == log.reader().identity("tweets") != ""


async def test_a_reader_at_the_end_is_told_so_and_one_beyond_it_is_refused(log: Log) -> None:
    await log.log.append([Record("tweets", 5, b"only")])
    reader, partition = log.reader(), partition_of(5, PARTITIONS["tweets"])
    assert reader.read("tweets", partition, 1, 10) is None
    for offset in (2, 1 << 41, -1):
        with pytest.raises(OffsetOutOfRangeError):
            reader.read("tweets", partition, offset, 10)


async def test_topics_and_partitions_that_do_not_exist_are_refused(log: Log) -> None:
    await log.log.append(_records(range(30), "follows"))
    with pytest.raises(LookupError):
        log.reader().read("no such topic", 0, 0, 1)
    for partition in (-1, PARTITIONS["tweets"]):
        with pytest.raises(LookupError):
            log.reader().read("tweets", partition, 0, 1)


async def test_ends_are_told_for_every_partition_also_of_an_empty_topic(log: Log) -> None:
    positions = await log.log.append(_records(range(100)))
    ends = log.reader().end_offsets(["tweets", "follows"])
    for partition in range(PARTITIONS["tweets"]):
        last = max(at.offset for at in positions if at.partition == partition)
        assert ends[TopicPartition("tweets", partition)] == last + 1
    assert [ends[TopicPartition("follows", partition)] for partition in range(3)] == [0, 0, 0]


async def test_a_large_value_comes_back_whole(log: Log) -> None:
    values = [bytes([n]) * 700_000 for n in range(4)]
    await log.log.append([Record("tweets", 5, value) for value in values])
    assert list(_all(log.reader()).values()) == values


async def test_all_readers_see_an_append_once_it_is_answered(log: Log) -> None:
    readers = [log.reader() for _ in range(3)]
    for n in range(20):
        (at,) = await log.log.append([Record("tweets", 5, b"%d" % n)])
        for reader in readers:
            found = reader.read("tweets", at.partition, at.offset, 1)
            assert found is not None
            assert found.values == [b"%d" % n]
    assert len({reader.log_id for reader in readers}) == 1


async def test_a_failed_append_that_is_repeated_gives_every_record_at_least_once(log: Log) -> None:
    records = _records(range(20))
    await log.log.append(records[:7])  # as much as a Kafka that fails may have kept of it
    await log.log.append(records)
    assert {record.value for record in records} == set(_all(log.reader()).values())


async def test_a_closed_log_refuses(log: Log) -> None:
    log.close()
    with pytest.raises(LogUnavailableError):
        await log.log.append(_records(range(1)))
