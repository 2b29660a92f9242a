"""Apicurio: a schema registry that speaks Confluent's protocol. From Maven.

Guarantee: schemas and their ids are in a file. Compatibility is enforced once a client asks for it.
"""

from __future__ import annotations

import tarfile
from http import HTTPStatus
from typing import TYPE_CHECKING

from infra.probe import get_json
from infra.servers.maven import copy, java
from infra.servers.server import LOOPBACK, Place, Server

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

VERSION = "2.6.13.Final"
ARTIFACT = f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"
MEMORY = ("-Xmx256m", "-XX:+UseSerialGC")
PATH = "/apis/ccompat/v7"


def fetch(folder: Path) -> None:
    """Unpack the distribution into the folder."""
    copy(ARTIFACT, folder)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    archive.unlink()


def command(place: Place) -> Sequence[str]:
    """Say where to listen and where to keep the schemas."""
    properties = {
        "quarkus.http.host": LOOPBACK,
        "quarkus.http.port": str(place.client_port),
        "quarkus.datasource.jdbc.url": f"jdbc:h2:file:{place.data}/registry",
    }
    (program,) = place.software.glob("*-runner.jar")
    return [java(), *MEMORY, *(f"-D{name}={value}" for name, value in properties.items()), "-jar", str(program)]


def is_ready(host: str, port: int) -> bool:
    """Ask for the subjects."""
    answer = get_json(host, port, f"{PATH}/subjects")
    return answer is not None and answer[0] == HTTPStatus.OK


REGISTRY = Server(
    "registry", VERSION, ("registry",), fetch, command, is_ready,
    address=lambda host, port: f"http://{host}:{port}{PATH}", setting="schema_registry_url",
)  # fmt: skip
