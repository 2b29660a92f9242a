"""The ceiling of open streams: an ASGI app on uvicorn that holds them and hands whatever it is sent to all.

`python -m benchmarks.bare_events` serves on a free port, which it prints: GET opens a stream, POST tells all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.http import server

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

HEADERS = [(b"content-type", b"text/event-stream")]
open_streams: set[Send] = set()


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Hold a stream, or tell all."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["method"] == "POST":
        body = (await receive())["body"]
        for told in open_streams:
            await told({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.start", "status": 201, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})
    else:
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": b": open\n\n", "more_body": True})
        open_streams.add(send)
        while (await receive())["type"] != "http.disconnect":
            pass
        open_streams.discard(send)


if __name__ == "__main__":
    server.run(app, "127.0.0.1", 0)
