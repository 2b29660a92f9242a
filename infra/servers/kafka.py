"""Kafka in KRaft mode, broker and controller in one process: the log. From Maven.

Guarantee: topics exist only as they were asked for, so that a misspelt name or a default partition count shows at once.
"""

from __future__ import annotations

import base64
import struct
import subprocess
import uuid
from typing import TYPE_CHECKING

from infra.servers.maven import copy_dependencies, java
from infra.servers.server import MAX_COPIES, Place, Server
from infra.servers.wire import conversation
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

VERSION = "4.4.0"
LOG4J_VERSION = "2.25.5"  # that of the log4j-core that Kafka brings
ARTIFACTS = (f"org.apache.kafka:kafka_2.13:{VERSION}", f"org.apache.logging.log4j:log4j-slf4j-impl:{LOG4J_VERSION}")
MEMORY = ("-Xms256m", "-Xmx512m", "-XX:+UseG1GC")
MEMORY_OF_SEVERAL = ("-Xms256m", "-Xmx256m", "-XX:+UseG1GC")
FORMAT_SECONDS = 60.0  # a JVM's start: 2 s

SETTINGS = {
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",  # one member must not wait three seconds for others
    "broker.session.timeout.ms": "4000",  # a broker that was killed cannot come back before its session is over
    "broker.heartbeat.interval.ms": "1000",
    "log.cleaner.dedupe.buffer.size": "33554432",  # 128 MB by default: a quarter of the heap
}
"""What the streams rely on with one broker; docker-compose.yml gives the same."""

_COPIES = ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")
"""What Kafka keeps for itself, in as many copies as the topics."""

_LOG4J = """\
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %p %c{1} %m%n
rootLogger.level = WARN
rootLogger.appenderRef.console.ref = console
logger.server.name = kafka.server
logger.server.level = INFO
"""

_METADATA_REQUEST = struct.pack(">hhihi", 3, 1, 7, -1, 0)  # Metadata v1, correlation 7, no client id, no topics
_SIZE = struct.Struct(">i")


def fetch(folder: Path) -> None:
    """Copy Kafka's jars into the folder."""
    copy_dependencies(ARTIFACTS, folder / "lib")


def configuration(place: Place) -> str:
    """Return server.properties."""
    broker, controller, node = place.ports["kafka"], place.ports["controller"], place.node
    voters = (f"{number}@{host}:{controller}" for number, host in enumerate(node.hosts, start=1))
    own = {
        "process.roles": "broker,controller",
        "node.id": str(node.number),
        "controller.quorum.voters": ",".join(voters),
        "listeners": f"PLAINTEXT://{node.host}:{broker},CONTROLLER://{node.host}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{node.host}:{broker}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(place.data),
    }
    return "".join(f"{name}={value}\n" for name, value in {**SETTINGS, **_copied(node.of), **own}.items())


def _copied(nodes: int) -> dict[str, str]:
    copies, in_sync = _copies(nodes)
    settings = {f"{name}.replication.factor": str(copies) for name in _COPIES}
    return {**settings, **{f"{name}.min.isr": str(in_sync) for name in _COPIES[1:]}}


def _copies(nodes: int) -> tuple[int, int]:
    """Return how many copies of a partition there are, and how many must have a record before it counts as written."""
    copies = min(nodes, MAX_COPIES)
    return copies, copies // 2 + 1


def copies(nodes: int) -> dict[str, str]:
    """Return the settings of a cluster of so many brokers."""
    copies, in_sync = _copies(nodes)
    return {"kafka_replication": str(copies), "kafka_min_insync": str(in_sync)}


def command(place: Place) -> Sequence[str]:
    """Write server.properties, and format the data folder where it is new."""
    properties, log4j = place.folder / "server.properties", place.folder / "log4j2.properties"
    properties.write_text(configuration(place))
    log4j.write_text(_LOG4J)
    memory = MEMORY if place.node.of == 1 else MEMORY_OF_SEVERAL
    run = [java(), *memory, f"-Dlog4j2.configurationFile={log4j}", "-cp", f"{place.software}/lib/*"]
    if not (place.data / "meta.properties").exists():
        _format(
            [*run, "kafka.tools.StorageTool", "format", f"--cluster-id={_cluster_id(place)}", "-c", str(properties)]
        )
    return [*run, "kafka.Kafka", str(properties)]


def _cluster_id(place: Place) -> str:
    """Return what all nodes of this cluster, and of no other, come to; it may begin with a dash."""
    name = f"{place.folder.parent}:{dict(place.ports)}"
    return base64.urlsafe_b64encode(uuid.uuid5(uuid.NAMESPACE_URL, name).bytes).decode().rstrip("=")


def _format(run: Sequence[str]) -> None:
    done = subprocess.run(run, check=False, capture_output=True, text=True, timeout=FORMAT_SECONDS)  # noqa: S603 - our own command
    if done.returncode:
        raise TroubleError(f"Kafka cannot format its data folder: {done.stderr.strip()}", "read the message above")


def is_ready(host: str, port: int) -> bool:
    """Ask for metadata: it names the broker as soon as the controller has let it in."""
    request = _SIZE.pack(len(_METADATA_REQUEST)) + _METADATA_REQUEST
    answers = conversation(host, port, [request], _SIZE.size, lambda head: int(_SIZE.unpack(head)[0]))
    itself = struct.pack(f">h{len(host)}si", len(host), host.encode(), port)
    return bool(answers) and itself in answers[0]


KAFKA = Server(
    "kafka", VERSION, ("kafka", "controller"), fetch, command, is_ready,
    address=lambda host, port: f"{host}:{port}", setting="kafka_bootstrap", copies=copies,
)  # fmt: skip
