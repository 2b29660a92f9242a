"""A server that answers as Elasticsearch would, or as a test tells it to; it keeps what it was asked."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from infra.settings import Settings
from projections.search.elasticsearch_indices import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

LOG_ID = "a-log"
Answer = tuple[int, Any]


class Scripted(ThreadingHTTPServer):
    """An empty Elasticsearch with the search indices; `on` gives other answers by the end of a path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []
        self.bulks: list[list[str]] = []
        self.checkpoints: list[dict[str, int]] = []
        self.on: dict[str, Callable[[], Answer]] = {}
        self.version = "8.19.21"
        self.schema_version = SCHEMA_VERSION

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def settings(self, **more: Any) -> Settings:
        return Settings.model_validate({"elasticsearch_urls": self.url, **more})

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        place = path.partition("?")[0]
        name = place.rpartition("/")[2]
        self.asked.append(f"{method} {path}")
        if name == "_bulk":
            sent = {it["_id"]: it["version"] for it in (json.loads(line)["index"] for line in body.splitlines()[::2])}
            if "-progress-" in place:
                self.checkpoints.append(sent)
                name = "checkpoints"
            else:
                self.bulks.append([*sent])
        if name in self.on:
            return self.on[name]()
        match name:
            case "http":
                return 200, {"nodes": {"one": {"version": self.version}}}
            case "_mapping":
                return 200, {"an-index": {"mappings": {"_meta": {"schema_version": self.schema_version}}}}
            case "store":
                return 200, {"log_id": LOG_ID}
            case "_bulk" | "checkpoints":
                return taken(sent)
        return 200, {}


def taken(ids: Iterable[str], status_of: Mapping[str, int] | None = None, error: str = "no") -> Answer:
    """Answer a bulk request: what became of each document (default: it is there now)."""
    status_of = status_of or {}
    items = [{"index": {"_id": it, "status": status_of.get(it, 201)}} for it in ids]
    for item in items:
        if item["index"]["status"] not in {200, 201}:
            item["index"]["error"] = {"type": error, "reason": "so it is"}
    return 200, {"errors": bool(status_of), "items": items}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        server = self.server
        assert isinstance(server, Scripted)
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        status, said = server.answer(self.command, self.path, body)
        sent = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-type", "text/html" if isinstance(said, bytes) else "application/json")
        self.send_header("content-length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    do_GET = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815 - the base class calls them so

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def scripted() -> Iterator[Scripted]:
    """Run one."""
    with Scripted() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
