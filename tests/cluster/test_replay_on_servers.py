"""`murmur replay` on servers: every projection is built beside the live one, proven right, and promoted or stopped."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from infra import cluster
from infra.cql.projection_tables import named
from infra.cql.schema import keyspaces
from infra.cql.session import CqlSession
from infra.elastic import Elastic
from infra.generations.record import State
from infra.log.kafka import KafkaEventLog
from infra.log.port import Record
from infra.servers import running
from projections.search import elasticsearch_indices
from schemas.codec import encode, topic_and_key
from streams.bootstrap import PROJECTIONS
from streams.generations.moves import waiting
from streams.generations.servers import ServerStock
from streams.replay.options import parsed
from streams.replay.run import STOPPED
from streams.replay.server_replay import ServerReplay
from tests.conftest import settings_of
from tests.replay_world import random_history
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from infra.servers import Fleet
    from infra.settings import Settings
    from schemas.envelope import Event

pytestmark = pytest.mark.cluster

NAME = f"replay_{os.getpid()}"
STEPS = 150
STOP_SECONDS = 60.0


@pytest.fixture(scope="module")
def settings(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A Kafka and a Redis of our own, because topics and keys have no names of our own; rows and indices have."""
    shared = settings_of(fleet, tmp_path_factory.mktemp("data"), "cassandra")
    with running(("kafka", "redis"), tmp_path_factory.mktemp("own")) as own:
        told = own.settings()
        made = shared.model_copy(
            update={
                "kafka_bootstrap": told["kafka_bootstrap"],
                "redis_urls": told["redis_urls"],
                "redis_query_urls": "",
                "cassandra_keyspace": NAME,
                "elasticsearch_prefix": NAME.replace("_", "-"),
                "partitions": 2,
                "celebrity_followers": 3,
                "active_days": 1000,
                "log_level": "WARNING",
            }
        )
        cluster.prepare(made)
        yield made
        drop(made)


def drop(settings: Settings) -> None:
    if settings.elasticsearch_urls:
        with closing(Elastic(settings)) as elastic:
            for generation in (1, 2, 3):
                elasticsearch_indices.drop(elastic, settings, generation)
            elasticsearch_indices.drop_templates(elastic, settings)
    with closing(CqlSession(settings, keyspace="")) as session:
        for keyspace in keyspaces(settings):
            session.execute(f"DROP KEYSPACE IF EXISTS {keyspace}")


@pytest.fixture(scope="module")
def stock(settings: Settings) -> Iterator[ServerStock]:
    with closing(ServerStock(settings)) as opened:
        yield opened


@pytest.fixture(scope="module")
def live(settings: Settings, stock: ServerStock) -> Iterator[None]:
    """What stream workers made of a history, and the workers, which go on."""
    publish(settings, random_history(STEPS))
    command = [sys.executable, "-m", "streams", "all"]
    workers = subprocess.Popen(command, env=settings.environment())
    try:
        until(lambda: all(waiting(stock, it, 1) == 0 for it in kept(settings)))
        yield
    finally:
        workers.terminate()
        workers.wait(STOP_SECONDS)


def kept(settings: Settings) -> list[Any]:
    return [it for it in PROJECTIONS if it.name != "search" or settings.elasticsearch_urls]


def publish(settings: Settings, events: Sequence[Event]) -> None:
    async def append() -> None:
        with closing(KafkaEventLog(settings.kafka_bootstrap)) as log:
            await log.append([Record(*topic_and_key(event), encode(event)) for event in events])

    asyncio.run(append())


def replayed(settings: Settings, *arguments: str) -> int:
    return ServerReplay(settings, parsed([*arguments, "--sample", "0", "--processes", "2", "--json"])).run()


def test_all_are_built_proven_and_promoted_while_workers_go_on(
    settings: Settings, stock: ServerStock, live: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replayed(settings, "all") == 0, capsys.readouterr().out
    told = json.loads(capsys.readouterr().out.splitlines()[-1])["projections"]
    assert told.keys() == {it.name for it in kept(settings)}
    for it in kept(settings):
        record = stock.kept.of(it.name)
        assert (it.name, record.active, record.known(2).state, told[it.name]["verified"]) == (
            it.name, 2, State.FOLLOWING, True,
        )  # fmt: skip
        assert waiting(stock, it, 2) == 0
    assert live is None


def test_what_the_live_one_answers_otherwise_stops_promotion(
    settings: Settings, stock: ServerStock, live: None, capsys: pytest.CaptureFixture[str]
) -> None:
    active = stock.kept.of("graph").active
    with closing(CqlSession(settings)) as session:
        session.execute(f"TRUNCATE {named('following{g}', active)}")
    assert replayed(settings, "graph") == STOPPED
    record = stock.kept.of("graph")
    assert (record.active, record.generations[-1].state) == (active, State.FAILED)
    assert "live: following of" in record.generations[-1].note
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["projections"]["graph"]["phase"] == "failed"
    assert live is None
