"""Clients that are slow on purpose, many at once, and bodies that are no bodies: they cost little and stop nobody."""

from __future__ import annotations

import asyncio
import gzip
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from infra.http import protocol
from tests.command_world import command_world
from tests.served import served
from tests.waiting import soon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.command_world import World
    from tests.served import Served

SLOW = 1_000
OTHERS = 40
PATIENCE_S = 60.0
BEGUN = [
    b"",
    b"POST /api/v1/tweets HTTP/1.1\r\nHost: x\r\n",
    b"POST /api/v1/tweets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ",
    b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n{",
    b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
]
"""Of nothing to all but the end: each is left like that, or goes on by a byte at a time."""


@pytest.fixture
async def open_world(tmp_path: Path) -> AsyncIterator[tuple[World, Served]]:
    async with command_world(tmp_path, request_timeout_s=5.0) as world, served(world.app) as where:
        yield world, where


async def slow_clients(where: Served) -> list[asyncio.StreamWriter]:
    writers = []
    for number in range(SLOW):
        _, writer = await asyncio.open_connection("127.0.0.1", where.port, limit=1024)
        writer.write(BEGUN[number % len(BEGUN)])
        writers.append(writer)
    return writers


async def test_a_thousand_slow_clients_stop_nobody_and_are_sent_away(
    open_world: tuple[World, Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_S", 5.0)
    world, where = open_world
    user = await world.register()
    writers = await slow_clients(where)
    headers = {"Authorization": f"Bearer {user.access_token}"}
    slowest = 0.0
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{where.port}", headers=headers, timeout=PATIENCE_S
    ) as good:
        for number in range(OTHERS):
            for writer in writers[number :: OTHERS * 2]:
                writer.write(b"a")
            began = time.monotonic()
            answer = await good.post("/api/v1/tweets", json={"content": f"tweet {number}"})
            slowest = max(slowest, time.monotonic() - began)
            assert answer.status_code == 201
    assert slowest < 2.0  # alone: milliseconds
    await soon(lambda: where.connections == 0, PATIENCE_S)
    for writer in writers:
        writer.close()


async def test_a_body_that_is_compressed_is_not_opened(open_world: tuple[World, Served]) -> None:
    world, _ = open_world
    bomb = gzip.compress(b'{"username": "' + b"a" * 10_000_000 + b'"}')
    for encoding in ("gzip", "br", "deflate", "gzip, gzip", "GZIP"):
        headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
        answer = await world.client.post("/api/v1/auth/login", content=bomb, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (415, "media_type_unsupported")


async def test_a_body_without_end_is_cut_off(open_world: tuple[World, Served]) -> None:
    _, where = open_world
    reader, writer = await asyncio.open_connection("127.0.0.1", where.port)
    writer.write(b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    sent = 0
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                writer.write(b"1000\r\n" + b"a" * 4096 + b"\r\n")
                sent += 4096
                await writer.drain()
    except ConnectionError:
        pass
    answer = await _what_came(reader)
    assert answer.startswith(b"HTTP/1.1 413 ") or not answer  # a reset may overtake the answer
    assert sent < 50_000_000
    await soon(lambda: where.connections == 0, PATIENCE_S)
    writer.close()


async def _what_came(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 2\r\nContent-Length: 3\r\n",
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 1e3\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
    ],
)
async def test_a_request_that_proxies_could_read_otherwise_is_answered_once(
    open_world: tuple[World, Served], framing: bytes
) -> None:
    """Request smuggling: what follows an ambiguous body must never be taken for a request of its own."""
    _, where = open_world
    smuggled = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    head = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\n" + framing + b"\r\n0\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", where.port)
    writer.write(head + smuggled)
    writer.write_eof()
    async with asyncio.timeout(PATIENCE_S):
        answer: Any = await _what_came(reader)
    writer.close()
    assert b'"status":"ok"' not in answer
