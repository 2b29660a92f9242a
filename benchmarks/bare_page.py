"""The ceiling of every page: FastAPI answering with bytes that are there.

`python -m benchmarks.bare_page BYTES` serves so many of them on a free port, which it prints.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import uvloop
from fastapi import FastAPI, Response

from benchmarks import http_load
from benchmarks.cpu import cpu_seconds
from benchmarks.post_tweet import serving
from infra.http import server

if TYPE_CHECKING:
    from starlette.types import ASGIApp

PATH = "/page"
SECONDS = 2.0


def create_app(size: int) -> ASGIApp:
    """Return an app that answers so many bytes."""
    app, body = FastAPI(), bytes(size)

    @app.get(PATH)
    async def page(limit: int = 200) -> Response:
        del limit
        return Response(body, media_type="application/json")

    return app


def per_core(size: int, connections: int) -> float:
    """Return answers of so many bytes per CPU-second of such a server."""
    with serving("benchmarks.bare_page", str(size), environment=os.environ) as bare:
        requests = [http_load.request(PATH, "none")]
        uvloop.run(http_load.closed_loop(bare.port, requests, connections, SECONDS / 4))
        before = cpu_seconds(bare.pid)
        load = uvloop.run(http_load.closed_loop(bare.port, requests, connections, SECONDS))
        return len(load.latencies_ms) / (cpu_seconds(bare.pid) - before)


if __name__ == "__main__":
    server.run(create_app(int(sys.argv[1])), "127.0.0.1", 0)
