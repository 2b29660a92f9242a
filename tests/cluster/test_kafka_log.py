"""The log on a real Kafka: what its contract suite cannot ask of every log."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from infra.log import kafka_topics
from infra.log.kafka import MAX_VALUE_BYTES, KafkaEventLog
from infra.log.kafka_reader import KafkaLogReader
from infra.log.kafka_topics import Durability, client_config
from infra.log.partitioner import key_bytes, partition_of
from infra.log.port import LogUnavailableError, OffsetOutOfRangeError, Position, Record, TopicPartition
from tests.cluster.kafka_log import KafkaLog, make_topics_anew

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.servers import Fleet
    from infra.settings import Settings

pytestmark = pytest.mark.cluster

BOUND_S = 60.0  # a broker is back within ten
PARTITIONS = {"tweets": 5, "follows": 3}


@pytest.fixture
def bootstrap(cluster: Settings) -> str:
    make_topics_anew(cluster.kafka_bootstrap, PARTITIONS)
    return cluster.kafka_bootstrap


@pytest.fixture
def log(bootstrap: str) -> Iterator[KafkaLog]:
    with contextlib.closing(KafkaLog(bootstrap, PARTITIONS)) as opened:
        yield opened


def everything(reader: KafkaLogReader, topic: str = "tweets") -> dict[Position, bytes]:
    found: dict[Position, bytes] = {}
    for key, end in reader.end_offsets([topic]).items():
        offset = 0
        while offset < end:
            batch = reader.read(topic, key.partition, offset, 1_000)
            assert batch is not None
            found |= {Position(*key, offset + at): value for at, value in enumerate(batch.values)}
            offset = batch.next_offset
    return found


def settled(bootstrap: str, topic: str, name: str, value: str) -> dict[str, str]:
    """Return a topic's settings when this one has come from the controller to the broker, which takes milliseconds."""
    until = time.monotonic() + BOUND_S
    while time.monotonic() < until:
        found = config_of(bootstrap, topic)
        if found[name] == value:
            return found
    raise AssertionError(f"{topic}: {name} is not {value} after {BOUND_S} s")


def config_of(bootstrap: str, topic: str) -> dict[str, str]:
    resource = ConfigResource(ResourceType.TOPIC, topic)
    admin = AdminClient(client_config(bootstrap))  # named: it must outlive its answer
    [described] = admin.describe_configs([resource]).values()
    return {name: entry.value for name, entry in described.result().items()}


def test_our_partitions_are_those_of_kafka_s_own_partitioner(bootstrap: str) -> None:
    producer, chosen = Producer(client_config(bootstrap, {"partitioner": "murmur2_random"})), {}
    for topic in PARTITIONS:
        for key in [*range(200), *(7**n for n in range(22)), (1 << 63) - 1]:
            producer.produce(
                topic,
                b"",
                key_bytes(key),
                on_delivery=lambda _, message, key=key: chosen.update({(message.topic(), key): message.partition()}),
            )
    assert producer.flush(10) == 0
    assert chosen == {(topic, key): partition_of(key, PARTITIONS[topic]) for topic, key in chosen}
    assert len(chosen) > 400


def test_topics_are_made_once_and_keep_their_partitions(bootstrap: str) -> None:
    kafka_topics.ensure(bootstrap, {"tweets": 9, "follows": 3}, Durability(retention_days=7))
    with contextlib.closing(KafkaLogReader(bootstrap, ["tweets"])) as reader:
        assert reader.partitions("tweets") == PARTITIONS["tweets"]
        assert reader.log_id == reader.log_id_of(["tweets"])
        assert reader.log_id != reader.log_id_of(["tweets", "follows"])
    found = settled(bootstrap, "tweets", "retention.ms", str(7 * 86_400_000))
    assert (found["cleanup.policy"], found["message.timestamp.type"]) == ("delete", "LogAppendTime")
    kafka_topics.ensure(bootstrap, PARTITIONS)
    assert settled(bootstrap, "tweets", "retention.ms", "-1")["min.insync.replicas"] == "1"


def test_topics_that_are_deleted_and_made_again_are_another_log(bootstrap: str) -> None:
    ids = set()
    for _ in range(2):
        make_topics_anew(bootstrap, PARTITIONS)
        with contextlib.closing(KafkaLogReader(bootstrap, ["tweets"])) as reader:
            ids.add(reader.log_id)
    assert len(ids) == 2


def test_a_broker_that_is_not_there_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_topics, "ANSWER_SECONDS", 0.5)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nowhere = f"127.0.0.1:{taken.getsockname()[1]}"
        for attempt in (KafkaEventLog, lambda at: KafkaLogReader(at, []), lambda at: kafka_topics.ensure(at, {})):
            with pytest.raises(LogUnavailableError, match=f"^no Kafka broker answers at {nowhere}: .*$"):
                attempt(nowhere)


def test_copies_that_no_topic_could_have_are_refused() -> None:
    with pytest.raises(ValueError, match="2 copies are to be written, 1 is kept"):
        Durability(replication=1, min_insync=2)


async def test_a_value_that_kafka_would_not_take_is_refused_before_anything_is_sent(log: KafkaLog) -> None:
    with pytest.raises(ValueError, match="too large"):
        await log.log.append([Record("tweets", 1, b"small"), Record("tweets", 1, b"x" * (MAX_VALUE_BYTES + 1))])
    [position] = await log.log.append([Record("tweets", 1, b"x" * MAX_VALUE_BYTES)])
    assert position.offset == 0


async def test_what_retention_has_cut_is_out_of_range_and_the_beginning_is_told(bootstrap: str, log: KafkaLog) -> None:
    positions = await log.log.append([Record("tweets", 1, b"%d" % n) for n in range(10)])
    partition, reader = positions[0].partition, log.reader()
    admin = AdminClient(client_config(bootstrap))
    cut = admin.delete_records([KafkaPartition("tweets", partition, 4)])
    assert [done.result().low_watermark for done in cut.values()] == [4]
    assert reader.first_offset("tweets", partition) == 4
    with pytest.raises(OffsetOutOfRangeError):
        reader.read("tweets", partition, 3, 10)
    batch = reader.read("tweets", partition, 4, 10)
    assert batch is not None
    assert batch.values == [b"%d" % n for n in range(4, 10)]
    with pytest.raises(OffsetOutOfRangeError):
        reader.read("tweets", partition, 0, 10)  # also where the end is known already


async def test_the_time_of_a_record_is_that_of_its_append(log: KafkaLog) -> None:
    positions = [(await log.log.append([Record("tweets", 1, b"%d" % n)]))[0] for n in range(3)]
    times = [log.reader().appended_at_ms(*position) for position in positions]
    assert times == sorted(times)
    assert times[0] > 1_700_000_000_000


async def test_a_reader_goes_on_where_records_come_while_it_reads(log: KafkaLog) -> None:
    reader, partition, offset = log.reader(), partition_of(1, PARTITIONS["tweets"]), 0
    for n in range(30):
        await log.log.append([Record("tweets", 1, b"%d" % n)] * (1 + n % 3))
        while batch := reader.read("tweets", partition, offset, 2):
            assert batch.base_offset == offset
            offset = batch.next_offset
        assert offset == reader.end_offsets(["tweets"])[TopicPartition("tweets", partition)]


class TestABrokerThatIsKilled:
    async def test_loses_nothing_that_was_acknowledged(self, servers: Fleet, log: KafkaLog) -> None:
        acknowledged: dict[Position, bytes] = {}
        failed, kills = 0, 0
        stop = asyncio.Event()

        def start_of() -> str:
            """What the log holds where it should hold everything: told where a position is given twice."""
            with contextlib.closing(KafkaLogReader(log.bootstrap, ["tweets"])) as reader:
                return f"log {reader.log_id}, was {log_id}; ends {reader.end_offsets(['tweets'])}"

        async def client(key: int) -> None:
            nonlocal failed
            n = 0
            while not stop.is_set():
                n += 1
                value = b"%d of %d" % (n, key)
                try:
                    [position] = await log.log.append([Record("tweets", key, value)])
                except LogUnavailableError:
                    failed += 1
                else:
                    twice = acknowledged.get(position)
                    assert twice is None, f"{position}: {twice!r}, then {value!r}; {kills=} {failed=}, {start_of()}"
                    acknowledged[position] = value

        async def more(wanted: int) -> None:
            wanted += len(acknowledged)
            while len(acknowledged) < wanted and not any(it.done() for it in clients):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

        log_id = log.reader().log_id
        clients = [asyncio.create_task(client(key)) for key in range(20)]
        async with asyncio.timeout(BOUND_S):
            for _ in range(2):
                await more(500)
                kills += 1
                await asyncio.to_thread(servers.kill, "kafka")
                await asyncio.to_thread(servers.start, "kafka")
            await more(500)
        stop.set()
        await asyncio.gather(*clients)
        found = everything(log.reader())
        assert {position: found.get(position) for position in acknowledged} == acknowledged
        assert len(found) <= len(acknowledged) + failed

    async def test_leaves_no_append_unanswered_and_is_waited_for(self, servers: Fleet, bootstrap: str) -> None:
        with contextlib.closing(KafkaEventLog(bootstrap, delivery_seconds=1, max_queued=10)) as log:
            await log.append([Record("tweets", 1, b"before")])
            closing = KafkaEventLog(bootstrap, delivery_seconds=1)
            servers.kill("kafka")
            try:
                unheard = asyncio.create_task(closing.append([Record("tweets", 1, b"lost")]))
                waiting = asyncio.create_task(log.append([Record("tweets", 1, b"lost or not")] * 10))
                await asyncio.sleep(0)
                with pytest.raises(LogUnavailableError, match="nothing of this append was sent"):
                    await log.append([Record("tweets", 1, b"one too many")])
                with pytest.raises(LogUnavailableError, match="not delivered, or nobody knows"):
                    await asyncio.wait_for(waiting, 30)
                await asyncio.to_thread(closing.close)
                with pytest.raises(LogUnavailableError):
                    await asyncio.wait_for(unheard, 30)
            finally:
                servers.start("kafka")
            async with asyncio.timeout(BOUND_S):
                [position] = await _until_taken(log, Record("tweets", 1, b"after"))
        with contextlib.closing(KafkaLogReader(bootstrap, ["tweets"])) as reader:
            assert everything(reader)[position] == b"after"


async def _until_taken(log: KafkaEventLog, record: Record) -> list[Position]:
    while True:
        with contextlib.suppress(LogUnavailableError):
            return await log.append([record])
