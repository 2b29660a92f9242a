"""Clients of Kafka learn anew what they knew: leaders once a broker was started again, topics that were made later."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from infra.journal.facts_log import FactsLog
from infra.log import kafka_topics
from infra.log.kafka import KafkaEventLog
from infra.log.kafka_reader import KafkaLogReader
from infra.log.port import LogUnavailableError, Position, Record, TopicPartition
from tests.cluster.kafka_log import delete_topics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.servers import Fleet

pytestmark = pytest.mark.cluster

TOPIC, LATER = "ends", "ends-later"
SOON_SECONDS = 5.0  # of a broker that answers again


@pytest.fixture
def bootstrap(servers: Fleet) -> Iterator[str]:
    bootstrap = servers.settings()["kafka_bootstrap"]
    kafka_topics.ensure(bootstrap, {TOPIC: 1})
    yield bootstrap
    delete_topics(bootstrap, [TOPIC, LATER])


async def test_ends_are_told_again_after_a_broker_was_killed(servers: Fleet, bootstrap: str) -> None:
    durability = kafka_topics.Durability()
    with closing(FactsLog(bootstrap, durability)) as log, closing(KafkaLogReader(bootstrap, [TOPIC])) as reader:
        await log.append([Record(TOPIC, 1, b"first")])
        before = log.ends(TOPIC, None), reader.end_offsets([TOPIC])
        assert before == ([Position(TOPIC, 0, 0)], {TopicPartition(TOPIC, 0): 1})
        servers.kill("kafka")
        try:
            for ask in (lambda: log.ends(TOPIC, 1), lambda: reader.end_offsets([TOPIC])):
                with pytest.raises(LogUnavailableError):
                    ask()
        finally:
            servers.start("kafka")
        began = time.monotonic()
        assert (log.ends(TOPIC, None), reader.end_offsets([TOPIC])) == before
        assert time.monotonic() - began < SOON_SECONDS


async def test_a_topic_that_a_client_had_not_heard_of_is_asked_for(bootstrap: str) -> None:
    with closing(KafkaEventLog(bootstrap)) as log, closing(KafkaLogReader(bootstrap, [TOPIC])) as reader:
        with pytest.raises(KeyError):
            await log.append([Record(LATER, 1, b"too early")])
        kafka_topics.ensure(bootstrap, {LATER: 3})
        [position] = await log.append([Record(LATER, 1, b"there")])
        assert reader.partitions(LATER) == 3
        batch = reader.read(LATER, position.partition, 0, 10)
        assert batch is not None
        assert batch.values == [b"there"]
