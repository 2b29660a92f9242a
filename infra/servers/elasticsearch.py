"""Elasticsearch: search. From Maven, where the distribution is that of its own tests: complete, with few modules.

It refuses to run as root. Started by root it runs in a user namespace, where the owner of root's files has another
number and no privilege: so its folders may lie in root's own.
"""

from __future__ import annotations

import os
import zipfile
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from infra.probe import get_json
from infra.servers.maven import copy, java
from infra.servers.server import LOOPBACK, Place, Server

if TYPE_CHECKING:
    from collections.abc import Sequence

VERSION = "8.19.21"
ARTIFACT = f"org.elasticsearch.distribution.integ-test-zip:elasticsearch:{VERSION}:zip"
MEMORY = ("-Xms512m", "-Xmx512m")
SETTINGS = {
    "discovery.type": "single-node",
    "xpack.security.enabled": "false",  # on the loopback address only
    "cluster.routing.allocation.disk.threshold_enabled": "false",  # a disk that is 90 % full is not ours to judge
}
"""docker-compose.yml gives the same, with a password."""

_NOT_ROOT = "1000"
_LOG4J = """\
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %p %c{1} %m%n
rootLogger.level = INFO
rootLogger.appenderRef.console.ref = console
"""


def fetch(folder: Path) -> None:
    """Unpack the distribution into the folder."""
    copy(ARTIFACT, folder)
    (archive,) = folder.glob("*.zip")
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    archive.unlink()
    for program in (_home(folder) / "bin").iterdir():
        program.chmod(0o755)


def _home(software: Path) -> Path:
    return software / f"elasticsearch-{VERSION}"


def configuration(place: Place) -> str:
    """Return elasticsearch.yml."""
    own = {
        "cluster.name": "murmuration",
        "network.host": LOOPBACK,
        "http.port": str(place.ports["elasticsearch"]),
        "transport.port": str(place.ports["transport"]),
        "path.data": str(place.data),
        "path.logs": str(place.folder / "logs"),
    }
    return "".join(f"{name}: {value}\n" for name, value in {**own, **SETTINGS}.items())


def command(place: Place) -> Sequence[str]:
    """Write elasticsearch.yml, jvm.options and log4j2.properties."""
    config, scratch = place.folder / "config", place.folder / "tmp"
    for folder in (config, scratch):
        folder.mkdir(exist_ok=True)
    (config / "elasticsearch.yml").write_text(configuration(place))
    (config / "jvm.options").write_text("".join(f"{option}\n" for option in (*MEMORY, f"-Djava.io.tmpdir={scratch}")))
    (config / "log4j2.properties").write_text(_LOG4J)
    environment = {
        "ES_PATH_CONF": config,
        "ES_TMPDIR": scratch,
        "ES_JAVA_HOME": Path(java()).resolve().parents[1],
    }
    told = [f"{name}={value}" for name, value in environment.items()]
    return [*_unprivileged(), "/usr/bin/env", *told, str(_home(place.software) / "bin" / "elasticsearch")]


def _unprivileged() -> list[str]:
    if os.geteuid() != 0:
        return []
    return ["/usr/bin/unshare", "--user", f"--map-user={_NOT_ROOT}", f"--map-group={_NOT_ROOT}", "--"]


def is_ready(host: str, port: int) -> bool:
    """Ask for the cluster's health."""
    answer = get_json(host, port, "/_cluster/health")
    return answer is not None and answer[0] == HTTPStatus.OK and answer[1]["status"] in {"green", "yellow"}


ELASTICSEARCH = Server(
    "elasticsearch", VERSION, ("elasticsearch", "transport"), fetch, command, is_ready,
    address=lambda host, port: f"http://{host}:{port}", setting="elasticsearch_urls", ready_seconds=120.0,
)  # fmt: skip
