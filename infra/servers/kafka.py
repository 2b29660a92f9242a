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
from infra.servers.server import LOOPBACK, Place, Server
from infra.servers.wire import talk
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

VERSION = "4.4.0"
LOG4J_VERSION = "2.25.5"  # that of the log4j-core that Kafka brings
ARTIFACTS = (f"org.apache.kafka:kafka_2.13:{VERSION}", f"org.apache.logging.log4j:log4j-slf4j-impl:{LOG4J_VERSION}")
MEMORY = ("-Xms256m", "-Xmx512m", "-XX:+UseG1GC")
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
_ANSWER_HEAD = struct.Struct(">iii")  # size, correlation, number of brokers


def fetch(folder: Path) -> None:
    """Copy Kafka's jars into the folder."""
    copy_dependencies(ARTIFACTS, folder / "lib")


def configuration(place: Place) -> str:
    """Return server.properties."""
    broker, controller = place.ports["kafka"], place.ports["controller"]
    own = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller}",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{broker},CONTROLLER://{LOOPBACK}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{broker}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(place.data),
    }
    return "".join(f"{name}={value}\n" for name, value in {**own, **SETTINGS}.items())


def command(place: Place) -> Sequence[str]:
    """Write server.properties, and format the data folder where it is new."""
    properties, log4j = place.folder / "server.properties", place.folder / "log4j2.properties"
    properties.write_text(configuration(place))
    log4j.write_text(_LOG4J)
    run = [java(), *MEMORY, f"-Dlog4j2.configurationFile={log4j}", "-cp", f"{place.software}/lib/*"]
    if not (place.data / "meta.properties").exists():
        _format([*run, "kafka.tools.StorageTool", "format", "-t", _cluster_id(), "-c", str(properties)])
    return [*run, "kafka.Kafka", str(properties)]


def _cluster_id() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def _format(run: Sequence[str]) -> None:
    done = subprocess.run(run, check=False, capture_output=True, text=True, timeout=FORMAT_SECONDS)  # noqa: S603 - our own command
    if done.returncode:
        raise TroubleError(f"Kafka cannot format its data folder: {done.stderr.strip()}", "read the message above")


def is_ready(port: int) -> bool:
    """Ask for metadata: it names the broker as soon as the controller has let it in."""
    answer = talk(port, struct.pack(">i", len(_METADATA_REQUEST)) + _METADATA_REQUEST, _ANSWER_HEAD.size)
    return len(answer) == _ANSWER_HEAD.size and _ANSWER_HEAD.unpack(answer)[1:] == (7, 1)


KAFKA = Server(
    "kafka", VERSION, ("kafka", "controller"), fetch, command, is_ready,
    address=lambda port: f"{LOOPBACK}:{port}", setting="kafka_bootstrap",
)  # fmt: skip
