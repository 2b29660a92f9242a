"""Devices in Cassandra keep the contract of tests/contract/test_push_subscriptions.py; the agent runs on servers."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING

import pytest

from infra import probe
from infra.cql.schema import keyspaces
from infra.cql.session import CqlSession
from infra.log.kafka import KafkaEventLog
from infra.log.port import Record
from infra.push.cql_subscriptions import CqlSubscriptions
from infra.push.subscriptions import Subscription
from infra.push.webpush import Keys
from schemas.codec import encode, topic_and_key
from schemas.ids import first_id_at, to_uuid
from tests.builders import followed, registered
from tests.cluster.journal_world import own_keyspace
from tests.cluster.prepared import prepared
from tests.conftest import settings_of
from tests.contract.test_push_subscriptions import *  # noqa: F403 - the suite is whatever stands there
from tests.push_receiver import PATIENCE_SECONDS, Device, PushService, message
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from infra.servers import Fleet
    from infra.settings import Settings
    from schemas.envelope import Event

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def tables(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with own_keyspace(settings_of(fleet, tmp_path_factory.mktemp("data"), "cassandra")) as settings:
        yield settings


@pytest.fixture  # type: ignore[no-redef]  # in place of the suite's own
def kept(tables: Settings) -> Iterator[CqlSubscriptions]:
    with closing(CqlSession(tables, keyspace=keyspaces(tables).lwt)) as session:
        for table in ("push_subscriptions", "push_endpoints"):
            session.execute(f"TRUNCATE {table}")
        yield CqlSubscriptions(session)


async def test_the_agent_tells_what_happens_on_servers(fleet: Fleet, tmp_path: Path) -> None:
    me, ann = first_id_at(now_ms()), first_id_at(now_ms()) + 1
    device = Device()
    with prepared(fleet, tmp_path) as made:
        pushing = {"push_contact": "mailto:ops@example.org", "push_allow_loopback": True, "instance": "pushing"}
        settings = made.model_copy(update=pushing)
        log = KafkaEventLog(settings.kafka_bootstrap)
        with closing(log), closing(CqlSession(settings, keyspace=keyspaces(settings).lwt)) as session:
            async with PushService() as service, streams(settings):
                keys = Keys(device.p256dh, device.auth)
                CqlSubscriptions(session).add(Subscription(me, service.endpoint("/me"), keys, 0))
                await append(log, registered(me), registered(ann), followed(ann, me, now_ms()))
                await service.until(bool)
        (received,) = service.received
    assert message(device, received)["actor"]["user_id"] == to_uuid(ann)


@asynccontextmanager
async def streams(settings: Settings) -> AsyncIterator[None]:
    """The stream process, once all that it runs has begun."""
    names = ("accounts", "tweets", "graph", "notifications")
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "streams", *names, env=settings.environment())
    announced = settings.run_dir / "pushing.json"
    try:
        await asyncio.to_thread(until, lambda: process.returncode is not None or is_ready(announced))
        assert process.returncode is None
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), PATIENCE_SECONDS)


def is_ready(announced: Path) -> bool:
    if not announced.exists():
        return False
    port = json.loads(announced.read_text())["own_port"]
    return probe.is_ready("127.0.0.1", port)


async def append(log: KafkaEventLog, *events: Event) -> None:
    await log.append([Record(*topic_and_key(event), encode(event)) for event in events])


def now_ms() -> int:
    return time.time_ns() // 1_000_000
