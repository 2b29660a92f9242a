"""Runs an app on uvicorn: tells its port, drains on SIGTERM and SIGINT, keeps the garbage collector out of the way.

Workers of the cluster profile share one port: the kernel deals new connections out among those who listen there
(SO_REUSEPORT). What it has dealt to one that closes before it has taken it is reset, unless the kernel is told to
deal it again (`net.ipv4.tcp_migrate_req`). So that each can be asked how it is, it has a port of its own besides, on
the loopback address, which its file in `run/` names.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Literal

import orjson
import uvicorn
import uvloop

from infra import probe
from infra.http.protocol import BoundedHttpProtocol
from infra.http.web_socket import MAX_MESSAGE_BYTES, PING_S, WebSocketProtocol
from infra.json_logs import FIELDS
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.types import ASGIApp

    from infra.settings import Settings

DRAIN_S = 10
HEAR_S = 0.25  # who has connected says within milliseconds what it wants
LOOPBACK = "127.0.0.1"
BACKLOG = 2048
SWITCH_S = 0.0005  # a log's commit thread may hold the GIL for no longer (default 5 ms)
GC_THRESHOLDS = (50_000, 20, 20)  # after the freeze, collections are rare: p99 40 → 14 ms on dict-heavy paths

log = logging.getLogger(__name__)


def bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Bind the listening socket; port 0 takes a free one. Raises OSError where the port is taken.

    With `shared` others of this user may listen there too, if they say so as well.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((host, port))
    listener.setblocking(False)
    return listener


def serve(
    app: ASGIApp,
    settings: Settings,
    kind: Literal["commands", "query"],
    before_drain: Callable[[], None] | None = None,
    *,
    web_sockets: bool = False,
) -> None:
    """Serve one of the two APIs where the settings say (see `run`); on servers its workers share the port."""
    announce = settings.run_dir / f"{settings.instance or kind}.json"
    port = settings.commands_port if kind == "commands" else settings.query_port
    shared = settings.profile == "cluster"
    run(app, settings.host, port, announce, shared=shared, before_drain=before_drain, web_sockets=web_sockets)


def run(
    app: ASGIApp,
    host: str,
    port: int,
    announce: Path | None = None,
    *,
    shared: bool = False,
    before_drain: Callable[[], None] | None = None,
    web_sockets: bool = False,
) -> None:
    """Serve until SIGTERM or SIGINT, then let running requests end (at most DRAIN_S).

    `before_drain` is called when the port is closed, and ends what would not end by itself.

    When the app is up its address goes to standard output as one JSON line, {"listening": url, "port": n, "pid": n,
    "own_host": address, "own_port": n}, and to the file `announce`, which is removed at the end. Its own address is
    another one only where the port is shared. Raises TroubleError where the port is taken.
    """
    listeners = [_bound(host, port, shared=shared)]
    if shared:
        listeners.append(_bound(LOOPBACK, 0))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _already_heeded)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=BoundedHttpProtocol,
        ws=WebSocketProtocol if web_sockets else "none",
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PING_S,
        ws_per_message_deflate=False,  # some 30 KB a connection
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # uvicorn would believe X-Forwarded-For of any local caller; rate_limits.py reads it
        backlog=BACKLOG,
        timeout_graceful_shutdown=DRAIN_S,
    )
    server = _Server(config, announce, before_drain)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(server.serve(sockets=listeners))
    finally:
        for listener in listeners:
            listener.close()
        if announce:
            announce.unlink(missing_ok=True)
    if not server.started:
        raise SystemExit(1)


def _bound(host: str, port: int, *, shared: bool = False) -> socket.socket:
    try:
        return bind(host, port, shared=shared)
    except OSError as error:
        what = f"cannot listen on {host}:{port}: {error.strerror}"
        raise TroubleError(what, "stop what does, or choose another port") from error


def _already_heeded(number: int, frame: object) -> None:
    """Take the signal that uvicorn raises anew after it has drained: a stop that was asked for is exit code 0."""
    del number, frame


class _Server(uvicorn.Server):
    def __init__(
        self, config: uvicorn.Config, announce: Path | None, before_drain: Callable[[], None] | None = None
    ) -> None:
        super().__init__(config)
        self._announce = announce
        self._before_drain = before_drain

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the port, hear those who have connected and not said what they want, then end as uvicorn does.

        By itself uvicorn hangs up on them; they would not know whether their request was carried out.
        """
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        if self._before_drain is not None:
            self._before_drain()
        until = time.monotonic() + HEAR_S
        while self._someone_is_unheard() and time.monotonic() < until:  # noqa: ASYNC110 - uvicorn announces no request
            await asyncio.sleep(0.01)
        await super().shutdown(sockets)

    def _someone_is_unheard(self) -> bool:
        return any(getattr(connection, "cycle", None) is None for connection in self.server_state.connections)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell the address."""
        await super().startup(sockets)
        if self.should_exit or not sockets:
            return
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        sys.setswitchinterval(SWITCH_S)
        host, port = sockets[0].getsockname()[:2]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        own_host, own_port = sockets[-1].getsockname()[:2]
        facts = {"listening": url, "port": port, "pid": os.getpid(), "own_host": own_host, "own_port": own_port}
        line = orjson.dumps(facts).decode()
        if self._announce:
            probe.announce(self._announce, facts)
        print(line, flush=True)  # noqa: T201 - the starter reads it
        log.info("listening", extra={FIELDS: {"url": url}})
