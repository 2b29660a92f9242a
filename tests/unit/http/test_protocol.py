"""Bytes that are no request, on real sockets: problems, and an end to heads without end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import uvicorn
from uvicorn.server import ServerState

from infra.http import protocol
from infra.http.protocol import MAX_HEAD_BYTES, BoundedHttpProtocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
READ = 262_144  # what one read from a socket brings at most, on top of the bound
SECONDS = 5.0


async def app(scope: Any, receive: Any, send: Any) -> None:
    del scope
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    config, state = uvicorn.Config(app, log_config=None), ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: BoundedHttpProtocol(config, state, {}), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for connection in list(state.connections):
        connection.transport.close()
    await server.wait_closed()


async def until_closed(port: int, *pieces: bytes) -> bytes:
    """Send the pieces and return what is answered until the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), SECONDS)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def code_of(answer: bytes) -> str:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    problem = orjson.loads(body)
    assert head.startswith(b"HTTP/1.1 %d " % problem["status"])
    code: str = problem["code"]
    return code


@pytest.mark.parametrize(
    "sent", [b"\0\1\2\r\n\r\n", b"FOO / HTTP/1.1\r\n\r\n", HEAD + b"A B: x\r\n\r\n", "GET /é HTTP/1.1\r\n\r\n".encode()]
)
async def test_what_is_not_http_is_a_problem(port: int, sent: bytes) -> None:
    assert code_of(await until_closed(port, sent)) == "request_malformed"


async def test_a_head_without_end_is_cut_off(port: int) -> None:
    answer = await until_closed(port, HEAD, b"X: " + b"a" * READ, b"a" * MAX_HEAD_BYTES)
    assert code_of(answer) == "headers_too_large"


async def test_a_second_head_without_end_is_cut_off_too(port: int) -> None:
    answer = await until_closed(port, HEAD + b"\r\n" + HEAD, b"X: " + b"a" * READ, b"a" * MAX_HEAD_BYTES)
    first, _, second = answer.partition(b"ok")
    assert first.startswith(b"HTTP/1.1 200 OK")
    assert code_of(second) == "headers_too_large"


@pytest.mark.parametrize(("sent", "answers"), [(b"", 0), (HEAD, 0), (b"\r\n\r\n", 0)])
async def test_a_head_that_does_not_come_is_not_waited_for(
    port: int, sent: bytes, answers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_S", 0.05)
    assert (await until_closed(port, sent)).count(b"200 OK") == answers


async def test_many_requests_in_one_piece_are_all_answered(port: int) -> None:
    last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = await until_closed(port, (HEAD + b"\r\n") * 30 + last)
    assert answer.count(b"200 OK") == 31


class Sent:
    """A transport that notes what it is given to send at once."""

    def __init__(self) -> None:
        self.calls: list[list[bytes]] = []
        self.closed = False

    def writelines(self, lines: list[bytes]) -> None:
        self.calls.append(lines)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


async def test_what_is_written_in_one_turn_of_the_loop_is_sent_at_once() -> None:
    sent: Any = Sent()
    transport = protocol.Gathering(sent, asyncio.get_running_loop())
    for turn in ((b"head", b"body"), (b"more",)):
        for written in turn:
            transport.write(written)
        await asyncio.sleep(0)
    assert sent.calls == [[b"head", b"body"], [b"more"]]


async def test_much_is_sent_without_waiting_and_the_rest_before_hanging_up() -> None:
    sent: Any = Sent()
    transport = protocol.Gathering(sent, asyncio.get_running_loop())
    transport.write(b"head")
    transport.write(bytes(protocol.GATHERED_BYTES))
    assert [len(lines) for lines in sent.calls] == [2]
    transport.write(b"last")
    transport.close()
    assert (sent.calls[1:], sent.closed) == ([[b"last"]], True)
    transport.write(b"too late")
    await asyncio.sleep(0)
    assert len(sent.calls) == 2
