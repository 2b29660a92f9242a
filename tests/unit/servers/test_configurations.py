"""What the launcher writes for each server."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from infra.servers import Fleet, cassandra, elasticsearch, kafka, objects, redis, registry
from infra.servers.fleet import SERVERS, nodes_of, server_of
from infra.servers.maven import java
from infra.servers.server import ALONE, LOOPBACK, Node, Place, Server
from infra.trouble import TroubleError

ROOT = Path(__file__).parents[3]


def place(server: Server, folder: Path, node: Node = ALONE) -> Place:
    return Place(folder, folder, {name: 40_000 + number for number, name in enumerate(server.ports)}, node)


def test_kafka_is_told_its_ports_and_makes_no_topics(tmp_path: Path) -> None:
    told = dict(line.split("=", 1) for line in kafka.configuration(place(kafka.KAFKA, tmp_path)).splitlines())
    assert told["listeners"] == f"PLAINTEXT://{LOOPBACK}:40000,CONTROLLER://{LOOPBACK}:40001"
    assert told["auto.create.topics.enable"] == "false"
    assert told["log.dirs"] == str(tmp_path / "data")


def test_a_broker_of_three_knows_the_others_and_asks_for_copies(tmp_path: Path) -> None:
    lines = kafka.configuration(place(kafka.KAFKA, tmp_path, Node(2, 3))).splitlines()
    told = dict(line.split("=", 1) for line in lines)
    assert told["controller.quorum.voters"] == "1@127.0.0.1:40001,2@127.0.0.2:40001,3@127.0.0.3:40001"
    assert (told["node.id"], told["advertised.listeners"]) == ("2", "PLAINTEXT://127.0.0.2:40000")
    assert (told["offsets.topic.replication.factor"], told["transaction.state.log.min.isr"]) == ("3", "2")
    assert kafka.copies(3) == {"kafka_replication": "3", "kafka_min_insync": "2"}


def test_a_node_of_cassandra_has_an_address_of_its_own_and_all_as_seeds(tmp_path: Path) -> None:
    told = yaml.safe_load(cassandra.configuration(place(cassandra.CASSANDRA, tmp_path, Node(3, 3))))
    assert (told["rpc_address"], told["listen_address"], told["default_keyspace_rf"]) == ("127.0.0.3", "127.0.0.3", 3)
    assert told["seed_provider"][0]["parameters"] == [{"seeds": "127.0.0.1:40001,127.0.0.2:40001,127.0.0.3:40001"}]


def test_a_name_may_stand_for_the_nodes_of_a_cluster() -> None:
    assert nodes_of("kafka*3") == ["kafka.1", "kafka.2", "kafka.3"]
    assert nodes_of("redis-2") == ["redis-2"]
    for name in ("kafka*", "kafka*1", "kafka*x"):
        with pytest.raises(TroubleError, match="write a number of nodes, as in kafka"):
            nodes_of(name)


def test_a_node_is_started_only_with_the_others_first(tmp_path: Path) -> None:
    with pytest.raises(TroubleError, match=r"kafka.2 is a node of no cluster; start all of its nodes first"):
        Fleet(tmp_path, tmp_path / "cache").start("kafka.2")


def test_redis_syncs_every_second_and_evicts_nothing(tmp_path: Path) -> None:
    told = dict(line.split(" ", 1) for line in redis.configuration(place(redis.REDIS, tmp_path)).splitlines())
    assert (told["bind"], told["port"]) == (LOOPBACK, "40000")
    assert (told["appendonly"], told["appendfsync"], told["maxmemory-policy"]) == ("yes", "everysec", "noeviction")


def test_cassandra_syncs_before_it_acknowledges(tmp_path: Path) -> None:
    told = yaml.safe_load(cassandra.configuration(place(cassandra.CASSANDRA, tmp_path)))
    assert told["commitlog_sync"] == "batch"
    assert (told["native_transport_port"], told["storage_port"]) == (40000, 40001)
    assert told["seed_provider"][0]["parameters"] == [{"seeds": f"{LOOPBACK}:40001"}]


def test_elasticsearch_is_told_its_ports_and_folders(tmp_path: Path) -> None:
    told = yaml.safe_load(elasticsearch.configuration(place(elasticsearch.ELASTICSEARCH, tmp_path)))
    assert (told["http.port"], told["transport.port"]) == (40000, 40001)
    assert told["path.data"] == str(tmp_path / "data")


def test_the_object_store_listens_on_the_loopback_address(tmp_path: Path) -> None:
    words = objects.command(place(objects.OBJECTS, tmp_path))
    assert words[words.index("--port") + 1] == f"{LOOPBACK}:40000"


def test_the_registry_keeps_its_schemas_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "any-runner.jar").touch()
    words = registry.command(place(registry.REGISTRY, tmp_path))
    assert f"-Dquarkus.datasource.jdbc.url=jdbc:h2:file:{tmp_path}/data/registry" in words


@pytest.mark.parametrize("name", ["mongo", "redis-", "redis-two", "redis.2"])
def test_an_unknown_server_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(TroubleError, match="the servers are kafka, redis, cassandra, registry"):
        server_of(name)


def test_redis_that_is_missing_and_may_not_be_installed_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(TroubleError, match="no redis-server on the PATH; install it, for example `apt-get install"):
        redis.fetch(tmp_path)


def test_the_page_names_every_server_with_its_version() -> None:
    text = (ROOT / "docs" / "servers.md").read_text()
    versions = re.findall(r"^\| [^|]+ \| ([^|]+) \|", text, re.MULTILINE)
    assert {server.version for server in SERVERS.values()} == {version for version in versions if version[0].isdigit()}


def test_java_that_is_too_old_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "java"
    old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    old.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _: str(old))
    with pytest.raises(TroubleError, match=r'is openjdk version "11\.0\.2"; install Java 17'):
        java()
