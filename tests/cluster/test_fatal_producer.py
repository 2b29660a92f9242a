"""A producer that has failed for good says so, and leaves no append waiting."""

from __future__ import annotations

import asyncio
import ctypes
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import confluent_kafka
import pytest

from infra.log import kafka_topics
from infra.log.kafka import KafkaEventLog
from infra.log.port import LogUnavailableError, Record
from tests.cluster.kafka_log import delete_topics
from tests.waiting import until

if TYPE_CHECKING:
    from infra.servers import Fleet

pytestmark = pytest.mark.cluster

TOPIC = "fatal"
OUT_OF_ORDER = 45


def fail_for_good(log: KafkaEventLog) -> None:
    """Bring librdkafka into the state itself, by its own function for tests: no broker does it when asked to."""
    [library] = Path(confluent_kafka.__file__).parents[1].glob("confluent_kafka.libs/librdkafka*.so*")
    fail = ctypes.CDLL(str(library)).rd_kafka_test_fatal_error
    fail.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p]
    handle = ctypes.c_void_p.from_address(id(log._producer) + object.__basicsize__)  # the first field of the object
    assert fail(handle, OUT_OF_ORDER, b"as a test asked") == 0


async def test_a_producer_that_failed_for_good_says_so_and_answers_every_append(servers: Fleet) -> None:
    bootstrap = servers.settings()["kafka_bootstrap"]
    kafka_topics.ensure(bootstrap, {TOPIC: 1})
    with closing(KafkaEventLog(bootstrap)) as log:
        await log.append([Record(TOPIC, 1, b"before")])
        assert log.fatal is None
        under_way = [asyncio.create_task(log.append([Record(TOPIC, 1, b"under way")])) for _ in range(20)]
        await asyncio.sleep(0)
        fail_for_good(log)
        until(lambda: "as a test asked" in (log.fatal or ""))
        answers = await asyncio.wait_for(asyncio.gather(*under_way, return_exceptions=True), 30)
        assert all(isinstance(answer, list | LogUnavailableError) for answer in answers)
        with pytest.raises(LogUnavailableError):
            await log.append([Record(TOPIC, 1, b"after")])
    delete_topics(bootstrap, [TOPIC])
