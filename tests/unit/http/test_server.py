"""How a server ends: who has connected is heard before it hangs up."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import uvicorn

from infra.http import server
from infra.http.protocol import BoundedHttpProtocol
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

WAIT_S = 30.0


async def app(scope: Any, receive: Any, send: Any) -> None:
    del receive
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[server._Server, int]]:
    config = uvicorn.Config(app, http=BoundedHttpProtocol, lifespan="off", log_config=None)
    made = server._Server(config, None)
    listener = server.bind("127.0.0.1", 0)
    running = asyncio.create_task(made.serve([listener]))
    await asyncio.to_thread(until, lambda: made.started)
    try:
        yield made, listener.getsockname()[1]
    finally:
        made.should_exit = True
        async with asyncio.timeout(WAIT_S):
            await running


async def is_refused(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionError:
        return True
    writer.close()
    return False


async def test_who_has_connected_before_a_stop_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAR_S", WAIT_S)
    async with serving() as (made, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.to_thread(until, lambda: made.server_state.connections)
        made.should_exit = True
        async with asyncio.timeout(WAIT_S):
            while not await is_refused(port):  # noqa: ASYNC110 - the kernel does not tell
                await asyncio.sleep(0.01)
        writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        assert (await reader.readline()) == b"HTTP/1.1 204 No Content\r\n"
        await reader.read()  # and then it hangs up
        writer.close()


async def test_who_says_nothing_holds_up_no_stop() -> None:
    async with serving() as (made, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.to_thread(until, lambda: made.server_state.connections)
        made.should_exit = True
        assert await reader.read() == b""
        writer.close()
