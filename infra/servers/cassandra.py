"""Cassandra: the rows of the projections and the claims. It stands in for ScyllaDB, which no package registry has.

Guarantee: a write is on disk before it is acknowledged, so that `kill -9` loses none (synced periodically it lost 2 %).
Roles are asked for, as the query API's must not be able to write.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from infra.servers.maven import copy_dependencies, java
from infra.servers.server import MAX_COPIES, Place, Server
from infra.servers.wire import conversation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

VERSION = "5.0.9"
ARTIFACTS = (f"org.apache.cassandra:cassandra-all:{VERSION}",)
MEMORY = ("-Xms512m", "-Xmx512m", "-XX:+UseSerialGC", "-Xss512k", "-XX:+ExitOnOutOfMemoryError")
USER = PASSWORD = "cassandra"  # noqa: S105 - the first role of a new data folder, on the loopback address only

SETTINGS = {
    "commitlog_sync": "batch",
    "concurrent_writes": "128",  # each holds a thread until it is synced
    "authenticator": "PasswordAuthenticator",
    "authorizer": "CassandraAuthorizer",
    "endpoint_snitch": "SimpleSnitch",  # its data centre is `datacenter1`, the default of cassandra_datacenter
    "materialized_views_enabled": "false",
    "user_defined_functions_enabled": "false",
}
"""What the stores rely on."""

_PROPERTIES = {
    "cassandra-foreground": "yes",
    "cassandra.skip_wait_for_gossip_to_settle": "0",  # nobody to gossip with
    "cassandra.ring_delay_ms": "2000",
    "cassandra.superuser_setup_delay_ms": "0",
    "io.netty.tryReflectionSetAccessible": "true",
    "jdk.attach.allowAttachSelf": "true",
}
_EXPORTS = """
java.base/jdk.internal.misc java.base/java.lang.ref java.management.rmi/com.sun.jmx.remote.internal.rmi
java.rmi/sun.rmi.registry java.rmi/sun.rmi.server java.sql/java.sql jdk.unsupported/sun.misc
jdk.compiler/com.sun.tools.javac.file jdk.attach/sun.tools.attach
"""
_OPENS = """
java.base/java.io java.base/java.lang java.base/java.lang.module java.base/java.lang.reflect java.base/java.util
java.base/jdk.internal.loader java.base/jdk.internal.math java.base/jdk.internal.module java.base/jdk.internal.ref
java.base/jdk.internal.reflect java.base/jdk.internal.util.jar java.base/sun.nio.ch jdk.compiler/com.sun.tools.javac
jdk.management/com.sun.management.internal
"""
"""What Cassandra reaches into on Java 17, as its own start script grants it."""

_LOGBACK = """\
<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%date{ISO8601} %level %logger{0} %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="OUT"/></root>
</configuration>
"""

_FRAME = struct.Struct(">BBhBI")  # version, flags, stream, opcode, length of the body
_VERSION_4, _STARTUP, _AUTH_RESPONSE, _AUTH_SUCCESS = 4, 1, 15, 16


def fetch(folder: Path) -> None:
    """Copy Cassandra's jars into the folder."""
    copy_dependencies(ARTIFACTS, folder / "lib")


def configuration(place: Place) -> str:
    """Return cassandra.yaml."""
    client, storage, node = place.ports["cassandra"], place.ports["storage"], place.node
    seeds = ",".join(f"{host}:{storage}" for host in node.hosts)  # all of them: then they may start in any order
    provider = "org.apache.cassandra.locator.SimpleSeedProvider"
    own = {
        "cluster_name": "murmuration",
        "num_tokens": "8",
        "auto_bootstrap": "false",
        "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
        "listen_address": node.host,
        "storage_port": str(storage),
        "rpc_address": node.host,
        "native_transport_port": str(client),
        "seed_provider": f"[{{class_name: {provider}, parameters: [{{seeds: '{seeds}'}}]}}]",
        "data_file_directories": f"['{place.data}/rows']",
        "auto_snapshot": "false",
        "default_keyspace_rf": str(min(node.of, MAX_COPIES)),  # the roles too must outlive a node
    }
    folders = ("commitlog", "hints", "saved_caches", "cdc_raw")
    own |= {f"{folder}_directory": f"'{place.data}/{folder}'" for folder in folders}
    return "".join(f"{name}: {value}\n" for name, value in {**own, **SETTINGS}.items())


def command(place: Place) -> Sequence[str]:
    """Write cassandra.yaml and logback.xml."""
    yaml, logback = place.folder / "cassandra.yaml", place.folder / "logback.xml"
    yaml.write_text(configuration(place))
    logback.write_text(_LOGBACK)
    properties = {**_PROPERTIES, "cassandra.config": yaml.as_uri(), "cassandra.storagedir": str(place.data)}
    (jamm,) = (place.software / "lib").glob("jamm-*.jar")  # tells Cassandra how large its objects are
    return [
        java(), *MEMORY, f"-javaagent:{jamm}", f"-Dlogback.configurationFile={logback}",
        *(f"-D{name}={value}" for name, value in properties.items()),
        *(f"--add-exports={name}=ALL-UNNAMED" for name in _EXPORTS.split()),
        *(f"--add-opens={name}=ALL-UNNAMED" for name in _OPENS.split()),
        "-cp", f"{place.software}/lib/*", "org.apache.cassandra.service.CassandraDaemon",
    ]  # fmt: skip


def copies(nodes: int) -> dict[str, str]:
    """Return the settings of a cluster of so many nodes."""
    return {"cassandra_replication": str(min(nodes, MAX_COPIES))}


def is_ready(host: str, port: int) -> bool:
    """Log in, in CQL's own protocol: the port opens before the first role is there."""
    version = _text(b"CQL_VERSION") + _text(b"3.0.0")
    token = f"\0{USER}\0{PASSWORD}".encode()
    questions = (
        _frame(_STARTUP, struct.pack(">h", 1) + version),
        _frame(_AUTH_RESPONSE, struct.pack(">i", len(token)) + token),
    )
    answers = conversation(host, port, questions, _FRAME.size, lambda head: int(_FRAME.unpack(head)[4]))
    return len(answers) == len(questions) and _FRAME.unpack(answers[-1][: _FRAME.size])[3] == _AUTH_SUCCESS


def _frame(opcode: int, body: bytes) -> bytes:
    return _FRAME.pack(_VERSION_4, 0, 0, opcode, len(body)) + body


def _text(value: bytes) -> bytes:
    return struct.pack(">h", len(value)) + value


CASSANDRA = Server(
    "cassandra", VERSION, ("cassandra", "storage"), fetch, command, is_ready,
    address=lambda host, port: f"{host}:{port}", setting="cassandra_hosts",
    credentials={"cassandra_user": USER, "cassandra_password": PASSWORD}, copies=copies,
    ready_seconds=180.0, stop_seconds=30.0,
)  # fmt: skip
