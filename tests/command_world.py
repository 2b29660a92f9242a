"""A command API over a real log in a folder of the test's own, and projections that follow it in the same loop."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from commands.app import create_app
from commands.bootstrap import open_services
from infra.log.embedded import EmbeddedLogReader, EmbeddedLogTail
from infra.log.port import Span
from infra.settings import Settings
from infra.sqlite.projection_store import generation_path
from projections.accounts import projector as accounts
from projections.accounts import read_model as accounts_model
from projections.accounts.sqlite import SqliteAccountsStore
from projections.engagement import projector as engagement
from projections.engagement import read_model as engagement_model
from projections.engagement.sqlite import SqliteEngagementStore
from projections.graph import projector as graph
from projections.graph import read_model as graph_model
from projections.graph.sqlite import SqliteGraphStore
from projections.media import projector as media
from projections.media import read_model as media_model
from projections.media.sqlite import SqliteMediaStore
from projections.moderation import projector as moderation
from projections.moderation import read_model as moderation_model
from projections.moderation.sqlite import SqliteModerationStore
from projections.tweets import projector as tweets
from projections.tweets import read_model as tweets_model
from projections.tweets.sqlite import SqliteTweetsStore
from schemas.catalogue import FACT_TOPICS
from schemas.codec import decode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from fastapi import FastAPI

    from commands.services import Services
    from infra.clock import Clock
    from schemas.envelope import Event

PASSWORD = "correct horse"
_PROJECTIONS: tuple[tuple[Any, Any, Any], ...] = (
    (accounts_model, accounts, SqliteAccountsStore),
    (tweets_model, tweets, SqliteTweetsStore),
    (graph_model, graph, SqliteGraphStore),
    (engagement_model, engagement, SqliteEngagementStore),
    (media_model, media, SqliteMediaStore),
    (moderation_model, moderation, SqliteModerationStore),
)


class Projections:
    """Applies what the log says, as soon as it is said, while `running` is set."""

    def __init__(self, settings: Settings) -> None:
        self._log = EmbeddedLogReader(settings.log_dir)
        self._stores = [
            (
                model.TOPICS,
                projector.project,
                store(generation_path(settings.projections_dir, model.PROJECTION), self._log.log_id),
            )
            for model, projector, store in _PROJECTIONS
        ]
        self._tail = EmbeddedLogTail(settings.log_dir)
        self.running = asyncio.Event()
        self.running.set()

    async def follow(self) -> None:
        while True:
            await self.running.wait()
            self.catch_up()
            await self._tail.wait(0.02)

    def catch_up(self) -> None:
        for topics, project, store in self._stores:
            for topic in topics:
                for partition in range(self._log.partitions(topic)):
                    start = store.checkpoints().get((topic, partition), 0)
                    batch = self._log.read(topic, partition, start, 1000)
                    if batch:
                        span = Span(topic, partition, start, batch.next_offset)
                        store.apply(project([decode(value) for value in batch.values]), span)

    def close(self) -> None:
        self._tail.close()
        self._log.close()
        for _, _, store in self._stores:
            store.close()


class User(NamedTuple):
    """A registered account, acting by its access token."""

    client: httpx.AsyncClient
    user_id: str
    username: str
    access_token: str
    refresh_token: str

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        sent = {"Authorization": f"Bearer {self.access_token}"}
        sent |= {name.replace("_", "-"): text for name, text in headers.items()}
        return await self.client.request(method, f"/api/v1{path}", json=body, headers=sent)

    async def post(self, content: str) -> str:
        answer = await self.call("POST", "/tweets", {"content": content})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["tweet_id"])


class World:
    """All of it."""

    def __init__(self, app: FastAPI, services: Services, client: httpx.AsyncClient, projections: Projections) -> None:
        self.app = app
        self.services = services
        self.client = client
        self.projections = projections
        self._names = (f"user_{number}" for number in itertools.count(1))

    async def register(self, username: str = "", **more: str) -> User:
        body = {"username": username or next(self._names), "password": PASSWORD, **more}
        answer = await self.client.post("/api/v1/auth/register", json=body)
        assert answer.status_code == 201, answer.text
        session = answer.json()
        user = session["user"]
        return User(self.client, user["user_id"], user["username"], session["access_token"], session["refresh_token"])

    def events(self) -> list[Event]:
        log = EmbeddedLogReader(self.services.settings.log_dir)
        with contextlib.closing(log):
            return [
                decode(value)
                for topic in FACT_TOPICS
                for partition in range(log.partitions(topic))
                if (batch := log.read(topic, partition, 0, 10_000))
                for value in batch.values
            ]

    def count(self, event: type[Event]) -> int:
        return sum(type(it) is event for it in self.events())


@asynccontextmanager
async def command_world(folder: Path, clock: Clock | None = None, **settings: Any) -> AsyncIterator[World]:
    """Open a world; settings other than the data folder may be given."""
    chosen = Settings(
        **{"data_dir": folder, "argon2_memory_kib": 8, "rate_limits": False, "wait_ms": 8_000, **settings}
    )
    services, close = open_services(chosen, clock)
    projections = Projections(chosen)
    app = create_app(services)
    transport = httpx.ASGITransport(app)
    following = asyncio.create_task(projections.follow())
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield World(app, services, client, projections)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        projections.close()
        close()
