"""Clients of open streams: events, and WebSockets."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import websockets

if TYPE_CHECKING:
    import httpx
    from websockets.asyncio.client import ClientConnection

PATIENCE_S = 60.0  # of a busy machine
STREAM = "/api/v1/stream"


class Heard(NamedTuple):
    """A message of a stream."""

    event: str
    data: Any
    event_id: str


class Events:
    """An open stream of server-sent events."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()
        self.last_id = ""

    async def next(self, *kinds: str) -> Heard:
        """Return the next message, of these kinds where some are named; comments and ids alone are passed by."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                heard = await self._block()
                if heard.event and (not kinds or heard.event in kinds):
                    return heard

    async def ended(self) -> list[Heard]:
        """Return what is still heard before the stream ends."""
        found = []
        async with asyncio.timeout(PATIENCE_S):
            try:
                while True:
                    found.append(await self._block())
            except StopAsyncIteration:
                return [it for it in found if it.event]

    async def _block(self) -> Heard:
        fields: dict[str, str] = {}
        while line := await anext(self._lines):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        self.last_id = fields.get("id", self.last_id)
        data = fields.get("data")
        return Heard(fields.get("event", ""), json.loads(data) if data else None, self.last_id)


class Socket:
    """An open WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def next(self, *kinds: str) -> Heard:
        """Return the next message, of these kinds where some are named."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                said = json.loads(await self.connection.recv())
                if said["event"] != "heartbeat" and (not kinds or said["event"] in kinds):
                    return Heard(said["event"], said["data"], said.get("id", ""))

    async def say(self, **said: Any) -> None:
        """Send a message."""
        await self.connection.send(json.dumps(said))

    async def closed(self) -> tuple[int, str]:
        """Return code and reason, once it is closed."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    await self.connection.recv()
                except websockets.ConnectionClosed as closed:
                    received = closed.rcvd
                    return (1006, "") if received is None else (received.code, received.reason)
