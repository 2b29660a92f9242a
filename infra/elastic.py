"""The way to Elasticsearch: one plain call, whichever of its nodes answers, and which of its errors may pass.

Plain code has a blocking client; below `bridge.bridged` the calls of all tasks share the connections of their event
loop. NOTE: only a request that reached no node is sent again to another one; whoever asks knows what may be repeated.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import orjson
from elastic_transport import (
    AiohttpHttpNode,
    AsyncTransport,
    ConnectionError,  # noqa: A004 - the client's own
    ConnectionTimeout,
    Transport,
    TransportError,
    Urllib3HttpNode,
)
from elastic_transport.client_utils import basic_auth_to_header, url_to_node_config

from infra.bridge import is_bridged, wait_for
from infra.projections import StoreError, StoreUnavailableError
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import AsyncGenerator

    from infra.settings import Settings

WRITER_SECONDS = 30.0  # a batch of 1,000 documents takes a tenth; a node that stops for its garbage, seconds
READER_SECONDS = 2.0
CONNECTIONS = 32  # of an event loop to a node; more requests wait for one
DEAD_SECONDS = 1.0  # a node that did not answer is left out for so long, twice as long the next time
LONGEST_DEAD_SECONDS = 5.0
MAJOR = 8
PASSING = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT)
"""Beside all from 500 on: no master, shards that are being recovered, no memory left."""

_JSON, _LINES = "application/json", "application/x-ndjson"

logging.getLogger("elastic_transport").setLevel(logging.ERROR)  # a line a request otherwise


class ElasticError(StoreError):
    """Elasticsearch refused a request, and would again; `status` is HTTP's."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"Elasticsearch: {status}: {said}")
        self.status = status


class Elastic:
    """The nodes of the settings; an answer that takes longer than `seconds` is an error."""

    def __init__(self, settings: Settings, *, seconds: float = WRITER_SECONDS) -> None:
        """Connect to nobody yet; raises TroubleError where no URL can be understood."""
        self._nodes = _nodes(settings, seconds)
        self.where = ", ".join(f"{node.host}:{node.port}" for node in self._nodes)  # a URL may hold a password
        self._plain = Transport(self._nodes, node_class=Urllib3HttpNode, **self._how())
        self._beside: WeakKeyDictionary[AbstractEventLoop, tuple[Any, AsyncGenerator[None]]] = WeakKeyDictionary()

    def ask(self, method: str, target: str, body: Any = None) -> Any:
        """Send a request; return the body of its answer. A list is sent as lines, each of JSON.

        Raises StoreUnavailableError for what may pass, ElasticError for what was refused.
        """
        sent, headers = _encoded(body)
        try:
            if is_bridged():
                beside = self._of(asyncio.get_running_loop())
                answer = wait_for(beside.perform_request(method, target, body=sent, headers=headers))
            else:
                answer = self._plain.perform_request(method, target, body=sent, headers=headers)
        except (ConnectionError, ConnectionTimeout) as error:
            raise StoreUnavailableError(f"Elasticsearch at {self.where} does not answer ({error.message})") from error
        except TransportError as error:
            raise StoreError(f"{self.where} does not answer as Elasticsearch does ({error.message})") from error
        status, found = answer.meta.status, answer.body
        if status < HTTPStatus.BAD_REQUEST:
            return found
        if status in PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise StoreUnavailableError(f"Elasticsearch at {self.where}: {status}: {_reason(found)}")
        raise ElasticError(status, _reason(found))

    def version(self) -> str:
        """Return the version of the nodes, the oldest; raises StoreError."""
        found = self.ask("GET", "/_nodes/http?filter_path=nodes.*.version")  # one distribution has no GET /
        versions: list[str] = (
            [node["version"] for node in found.get("nodes", {}).values()] if isinstance(found, dict) else []
        )
        if not versions:
            raise StoreError(f"{self.where} does not answer as Elasticsearch does")
        return min(versions, key=_parts)

    def check_version(self) -> None:
        """Raise TroubleError where the nodes are of a version that is not spoken here."""
        version = self.version()
        if _parts(version)[0] != MAJOR:
            what = f"Elasticsearch at {self.where} is version {version}"
            raise TroubleError(what, f"Murmuration speaks to version {MAJOR}: see docs/servers.md")

    def close(self) -> None:
        """Close the connections; those of an event loop close with it."""
        self._plain.close()

    def _how(self) -> dict[str, Any]:
        return {
            "max_retries": len(self._nodes) - 1,
            "retry_on_status": (),
            "dead_node_backoff_factor": DEAD_SECONDS,
            "max_dead_node_backoff": LONGEST_DEAD_SECONDS,
            "meta_header": False,
        }

    def _of(self, loop: AbstractEventLoop) -> Any:
        found = self._beside.get(loop)
        if found is None:
            transport = AsyncTransport(self._nodes, node_class=AiohttpHttpNode, **self._how())
            guard = _closed_with_the_loop(transport)
            self._beside[loop] = found = (transport, guard)
            wait_for(anext(guard))
        return found[0]


async def _closed_with_the_loop(transport: Any) -> AsyncGenerator[None]:
    """Close the connections when the loop shuts its generators down: that is the last moment at which one can."""
    try:
        yield
    finally:
        await transport.close()


def _nodes(settings: Settings, seconds: float) -> list[Any]:
    """Return what the client is to know of each node."""
    user, password, ca_file = (
        settings.elasticsearch_user,
        settings.elasticsearch_password,
        settings.elasticsearch_ca_file,
    )
    if ca_file and not Path(ca_file).is_file():
        raise TroubleError(f"there is no file {ca_file}", "correct MURMURATION_ELASTICSEARCH_CA_FILE")
    nodes = []
    for number, url in enumerate(filter(None, map(str.strip, settings.elasticsearch_urls.split(","))), 1):
        try:
            node: Any = url_to_node_config(url, use_default_ports_for_scheme=True)
        except ValueError:  # whose text holds the URL, which may hold a password
            what = f"the URL {number} of elasticsearch_urls cannot be read"
            raise TroubleError(what, "write http://host:port") from None
        changes: dict[str, Any] = {"request_timeout": seconds, "connections_per_node": CONNECTIONS}
        if user:
            changes["headers"] = {"authorization": basic_auth_to_header((user, password))}
        if ca_file and node.scheme == "https":
            changes["ca_certs"] = ca_file
        nodes.append(node.replace(**changes))
    if not nodes:
        raise TroubleError("no Elasticsearch is named", "set MURMURATION_ELASTICSEARCH_URLS to http://host:port")
    return nodes


def _encoded(body: Any) -> tuple[bytes | None, dict[str, str]]:
    """Return what is sent, and its headers."""
    if body is None:
        return None, {"accept": _JSON}
    if isinstance(body, list):
        return b"".join(orjson.dumps(each) + b"\n" for each in body), {"accept": _JSON, "content-type": _LINES}
    return orjson.dumps(body), {"accept": _JSON, "content-type": _JSON}


def _reason(body: Any) -> str:
    """Return what Elasticsearch says went wrong, in one line."""
    error = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(error, dict):
        error = f"{error.get('type', '')}: {error.get('reason', '')}"
    return str(error)[:300].replace("\n", " ")


def _parts(version: str) -> list[int]:
    return [int(part) for part in version.partition("-")[0].split(".") if part.isdigit()] or [0]
