"""The ceiling of POST /tweets: FastAPI, a pydantic body and the log, and nothing else.

`python -m benchmarks.bare_post FOLDER` appends to an embedded log, `… kafka HOST:PORT` to the topic `tweets` there; it
serves on a free port, which it prints.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI
from pydantic import BaseModel

from infra.http import server
from infra.log.embedded import open_appender
from infra.log.port import Record

if TYPE_CHECKING:
    from infra.log.port import EventLog


class Body(BaseModel):
    """A tweet."""

    content: str


def create_app(log: EventLog) -> FastAPI:
    """Return an app that appends what it is sent."""
    app = FastAPI()
    serial = itertools.count(1)

    @app.post("/api/v1/tweets", status_code=201)
    async def post(body: Body) -> dict[str, str]:
        number = next(serial)
        await log.append([Record("tweets", number, body.content.encode())])
        return {"tweet_id": str(number), "content": body.content}

    return app


def open_log(where: list[str]) -> EventLog:
    """Open the log that the command line names."""
    if where[0] == "kafka":
        from infra.log.kafka import KafkaEventLog  # noqa: PLC0415 - needs the extra `cluster`

        return KafkaEventLog(where[1])
    return open_appender(Path(where[0]), "facts", {})


if __name__ == "__main__":
    server.run(create_app(open_log(sys.argv[1:])), "127.0.0.1", 0)
