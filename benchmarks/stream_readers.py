"""Readers of open streams, thousands in one process: a bare protocol each, which notes when which tweet came."""

from __future__ import annotations

import asyncio
import re
import time
from functools import partial
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

_NEW = re.compile(rb'event: new_tweet\ndata: \{"tweet_id":"([0-9a-f-]{36})"')
OPENED_AT_ONCE = 50


class Readers:
    """All of a run: `came` holds (tweet, time) of each delivery."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._transports: list[asyncio.BaseTransport] = []
        self.came: list[tuple[bytes, float]] = []
        self.opened = 0
        self.bytes = 0
        self.ended = 0

    async def open(self, requests: Sequence[bytes]) -> None:
        """Open a stream with each request; returns when all have heard something."""
        loop = asyncio.get_running_loop()
        wanted = self.opened + len(requests)
        for first in range(0, len(requests), OPENED_AT_ONCE):
            part = requests[first : first + OPENED_AT_ONCE]
            made = [loop.create_connection(partial(_Reader, self, it), "127.0.0.1", self._port) for it in part]
            self._transports += [transport for transport, _ in await asyncio.gather(*made)]
        while self.opened < wanted:  # noqa: ASYNC110 - counted by protocols
            await asyncio.sleep(0.05)

    def close(self) -> None:
        """Hang up."""
        for transport in self._transports:
            transport.close()


class _Reader(asyncio.Protocol):
    def __init__(self, readers: Readers, request: bytes) -> None:
        self._readers = readers
        self._request = request
        self._begun = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.WriteTransport", transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        readers = self._readers
        readers.bytes += len(data)
        if not self._begun and (b"event: ready" in data or b": open" in data):
            self._begun = True
            readers.opened += 1
        for found in _NEW.finditer(data):
            readers.came.append((found[1], now))

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._readers.ended += 1
