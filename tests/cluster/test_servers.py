"""The launcher over real servers: they work, keep what they acknowledged, and leave nothing behind."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cassandra import Unauthorized
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.policies import RoundRobinPolicy
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from redis import Redis

from infra.probe import port_is_free
from infra.servers import Fleet, Running, located, running
from infra.servers.process import Process
from infra.servers.redis import operator_url
from infra.servers.server import LOOPBACK
from infra.settings import Settings
from infra.trouble import TroubleError
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]
BOUND_SECONDS = 60.0
RECORDS = [b"%d" % number for number in range(100)]
STRATEGY = "'NetworkTopologyStrategy'"
QUIET = {"log_level": 0}
KEPT, READ = (f"{name}_{secrets.token_hex(3)}" for name in ("kept", "read"))  # servers may be those of an earlier run


def bootstrap(fleet: Fleet) -> dict[str, object]:
    return {"bootstrap.servers": fleet.settings()["kafka_bootstrap"], **QUIET}


def produce(fleet: Fleet, topic: str, values: Sequence[bytes]) -> None:
    admin = AdminClient(bootstrap(fleet))
    for created in admin.create_topics([NewTopic(topic, 1, 1)]).values():
        created.result(BOUND_SECONDS)
    acknowledged: list[object] = []
    producer = Producer({**bootstrap(fleet), "acks": "all", "enable.idempotence": True})
    for value in values:
        producer.produce(topic, value, partition=0, on_delivery=lambda error, _: acknowledged.append(error))
    assert producer.flush(BOUND_SECONDS) == 0
    assert acknowledged == [None] * len(values)


def consume(fleet: Fleet, topic: str, count: int) -> list[bytes]:
    consumer = Consumer({**bootstrap(fleet), "group.id": "test", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 0)])
    try:
        return [message.value() for message in consumer.consume(count, BOUND_SECONDS)]
    finally:
        consumer.close()


def redis_of(fleet: Fleet, name: str = "redis") -> Redis:
    return Redis.from_url(operator_url(fleet[name]))


def killed_and_back(fleet: Fleet, name: str, told: Callable[[str, object], None]) -> None:
    before = fleet[name]
    fleet.kill(name)
    assert not before.process.alive()
    assert port_is_free(LOOPBACK, next(iter(before.ports.values())))
    fleet.start(name)
    assert fleet[name].pid != before.pid
    assert fleet[name].ports == before.ports
    told(f"{name}: seconds from kill -9 to ready", fleet[name].seconds)


def told_of(fleet: Fleet, told: Callable[[str, object], None], *names: str) -> None:
    for name in names:
        told(f"{name}: seconds to ready", fleet[name].seconds)
        told(f"{name}: MB resident", fleet[name].process.memory() // 1_000_000)


def test_kafka_keeps_what_it_acknowledged_through_a_kill(
    servers: Fleet, record_property: Callable[[str, object], None]
) -> None:
    told_of(servers, record_property, "kafka")
    produce(servers, KEPT, RECORDS)
    killed_and_back(servers, "kafka", record_property)
    assert consume(servers, KEPT, len(RECORDS)) == RECORDS


def test_kafka_makes_no_topic_by_itself(servers: Fleet) -> None:
    topics = AdminClient(bootstrap(servers)).list_topics("never-made", timeout=BOUND_SECONDS).topics
    assert topics["never-made"].error is not None


def is_in_its_file(client: Redis) -> bool:
    """With everysec, writes may wait in memory for up to 2 s while the disk is slow."""
    told = client.info("persistence")
    return bool(told["aof_buffer_length"] == told["aof_pending_bio_fsync"] == 0)


def test_redis_keeps_what_it_acknowledged_through_a_kill(
    servers: Fleet, record_property: Callable[[str, object], None]
) -> None:
    told_of(servers, record_property, "redis")
    with redis_of(servers) as client:
        client.set("kept", "yes")
        until(lambda: is_in_its_file(client))
    killed_and_back(servers, "redis", record_property)
    with redis_of(servers) as client:
        assert client.get("kept") == b"yes"
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("append*")["appendfsync"] == "everysec"


@contextmanager
def cql(fleet: Fleet, user: str = "", password: str = "") -> Iterator[Any]:
    told = fleet.settings()
    host, port = told["cassandra_hosts"].split(":")
    role = PlainTextAuthProvider(user or told["cassandra_user"], password or told["cassandra_password"])
    profile = ExecutionProfile(load_balancing_policy=RoundRobinPolicy(), request_timeout=BOUND_SECONDS)
    cluster = Cluster([host], int(port), auth_provider=role, execution_profiles={EXEC_PROFILE_DEFAULT: profile})
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


def test_cassandra_keeps_what_it_acknowledged_through_a_kill(
    servers: Fleet, record_property: Callable[[str, object], None]
) -> None:
    told_of(servers, record_property, "cassandra")
    with cql(servers) as session:
        session.execute(f"CREATE KEYSPACE {KEPT} WITH replication = {{'class': {STRATEGY}, 'datacenter1': 1}}")
        session.execute(f"CREATE TABLE {KEPT}.rows (id bigint PRIMARY KEY, text text)")
        insert = session.prepare(f"INSERT INTO {KEPT}.rows (id, text) VALUES (?, 'kept')")
        for waiting in [session.execute_async(insert, (number,)) for number in range(100)]:
            waiting.result()
        claim = f"INSERT INTO {KEPT}.rows (id, text) VALUES (-1, 'claimed') IF NOT EXISTS"
        assert session.execute(claim).was_applied
    killed_and_back(servers, "cassandra", record_property)
    with cql(servers) as session:
        assert {row.id for row in session.execute(f"SELECT id FROM {KEPT}.rows")} == {-1, *range(100)}
        assert not session.execute(claim).was_applied


def test_a_role_of_cassandra_may_be_held_to_reading(servers: Fleet) -> None:
    with cql(servers) as session:
        session.execute(f"CREATE KEYSPACE {READ} WITH replication = {{'class': {STRATEGY}, 'datacenter1': 1}}")
        session.execute(f"CREATE TABLE {READ}.rows (id bigint PRIMARY KEY)")
        session.execute(f"CREATE ROLE {READ} WITH PASSWORD = 'only' AND LOGIN = true")
        session.execute(f"GRANT SELECT ON KEYSPACE {READ} TO {READ}")
    with cql(servers, READ, "only") as session:
        assert list(session.execute(f"SELECT id FROM {READ}.rows")) == []
        with pytest.raises(Unauthorized):
            session.execute(f"INSERT INTO {READ}.rows (id) VALUES (1)")


def test_two_fleets_run_side_by_side_and_leave_nothing(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda name: ran(tmp_path / name), ("one", "other"))
    assert {run.pid for run in one}.isdisjoint(run.pid for run in other)
    for run in (*one, *other):
        assert not run.process.alive()
        assert all(port_is_free(LOOPBACK, port) for port in run.ports.values())


def ran(folder: Path) -> list[Running]:
    with running(("kafka", "redis", "redis-2"), folder) as fleet:
        assert len(fleet.settings()["redis_urls"].split(",")) == 2
        with redis_of(fleet) as first, redis_of(fleet, "redis-2") as second:
            assert first.set("where", str(folder))
            assert second.get("where") is None
        produce(fleet, "side-by-side", [str(folder).encode()])
        assert consume(fleet, "side-by-side", 1) == [str(folder).encode()]
        return [fleet[name] for name in fleet.names()]


STARTER = """
import pathlib, signal, sys
from infra.servers import running
with running(["redis"], pathlib.Path(sys.argv[1])) as fleet:
    print(fleet["redis"].pid, flush=True)
    signal.pause()
"""


def test_a_starter_that_is_killed_takes_its_servers_along(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STARTER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as starter:
        assert starter.stdout is not None
        server = Process.of(int(starter.stdout.readline()))
        os.kill(starter.pid, signal.SIGKILL)
    assert server.wait(BOUND_SECONDS)
    assert not server.alive()


def murmur(*arguments: str | Path, code: int = 0) -> str:
    command = [sys.executable, "-m", "infra.cli", "servers", *map(str, arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=BOUND_SECONDS)
    assert done.returncode == code, done.stderr
    return done.stdout


def test_servers_of_the_command_line_outlive_it_until_down(tmp_path: Path) -> None:
    data = ("--data", tmp_path)
    first = json.loads(murmur("up", "--only", "redis", "--json", *data))
    (row,) = first["servers"]
    server = Process.of(row["pid"])
    assert server.listens(row["ports"]["redis"])
    assert json.loads(murmur("up", "--only", "redis", "--json", *data))["servers"][0]["pid"] == row["pid"]
    assert located(Settings(data_dir=tmp_path), "redis_urls").redis_urls == row["address"]
    murmur("status", *data)
    assert "Ready to accept connections" in murmur("logs", "--lines", "3", *data)
    assert murmur("down", *data) == "stopped: redis\n"
    assert not server.alive()
    assert port_is_free(LOOPBACK, row["ports"]["redis"])
    assert murmur("down", *data) == "stopped: none ran\n"
    assert "not running" in murmur("status", *data, code=1)
    with pytest.raises(
        TroubleError, match="redis_urls is empty and no such server runs; start it: `murmur servers up`"
    ):
        located(Settings(data_dir=tmp_path), "redis_urls")
