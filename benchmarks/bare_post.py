"""The ceiling of POST /tweets: FastAPI, a pydantic body and the embedded log, and nothing else.

`python -m benchmarks.bare_post FOLDER` serves on a free port, which it prints.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

from fastapi import FastAPI
from pydantic import BaseModel

from infra.http import server
from infra.log.embedded import open_appender
from infra.log.port import Record


class Body(BaseModel):
    """A tweet."""

    content: str


def create_app(folder: Path) -> FastAPI:
    """Return an app that appends what it is sent."""
    app = FastAPI()
    log = open_appender(folder, "facts", {})
    serial = itertools.count(1)

    @app.post("/api/v1/tweets", status_code=201)
    async def post(body: Body) -> dict[str, str]:
        number = next(serial)
        await log.append([Record("tweets", number, body.content.encode())])
        return {"tweet_id": str(number), "content": body.content}

    return app


if __name__ == "__main__":
    server.run(create_app(Path(sys.argv[1])), "127.0.0.1", 0)
