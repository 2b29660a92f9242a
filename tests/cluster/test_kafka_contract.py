"""Kafka keeps the contract of every event log: all tests of tests/contract/test_event_log.py, over a real broker."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.cluster.kafka_log import KafkaLog
from tests.contract.test_event_log import *  # noqa: F403 - the suite is whatever stands there
from tests.contract.test_event_log import PARTITIONS, Log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.settings import Settings

pytestmark = pytest.mark.cluster


@pytest.fixture  # type: ignore[no-redef]  # in place of the suite's own
def log(cluster: Settings) -> Iterator[Log]:
    with contextlib.closing(KafkaLog(cluster.kafka_bootstrap, PARTITIONS)) as backend:
        yield backend
