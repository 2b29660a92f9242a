"""Commands, the processing agent and queries over one folder, in one loop: what an upload goes through."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
from prometheus_client import CollectorRegistry

from infra.log.embedded import EmbeddedLogReader, EmbeddedLogTail, open_appender
from infra.media.decoder import Decoder
from infra.objects.opening import open_objects
from infra.sqlite.projection_store import generation_path
from query_api.app import create_app
from query_api.bootstrap import build
from schemas.ids import SnowflakeGenerator
from streams.decoded import DecodedBatches
from streams.effects import SqliteProgress, nothing
from streams.metrics import StreamMetrics
from streams.processing.agent import NAME, TOPICS
from streams.processing.loop import ProcessingLoop
from streams.processing.metrics import ProcessingMetrics
from streams.processing.work import Work
from streams.projections import PROJECTIONS
from tests.command_world import World, command_world
from tests.waiting import BOUND_SECONDS, PAUSE_SECONDS, soon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from infra.clock import Clock
    from infra.media.decoder import Decoder
    from infra.objects.port import ObjectStore
    from infra.settings import Settings
    from tests.command_world import User


PATIENT: dict[str, Any] = {"media_wait_ms": 20_000, "wait_ms": 30_000, "request_timeout_s": 60}
"""So that no bound of the commands' is what a busy machine is held to."""


class NoLetters:
    """Nothing of media is poison."""

    async def append(self, projection: str, letters: Any) -> None:
        raise AssertionError((projection, letters))


class Processing:
    """The processing agent, over the log of a folder; `running` stops it between two batches."""

    def __init__(self, settings: Settings, objects: ObjectStore, decoder: Decoder, clock: Clock) -> None:
        self._log = EmbeddedLogReader(settings.log_dir)
        self._facts = open_appender(settings.log_dir, "facts", {})
        self._store = SqliteProgress(generation_path(settings.projections_dir, NAME), self._log.log_id)
        ids = SnowflakeGenerator(254, clock.now_ms)
        folder = settings.data_dir / "tmp"
        self.work = Work(objects, self._facts, ids, [decoder], folder, ProcessingMetrics(CollectorRegistry()))
        self._loop = ProcessingLoop(
            self.work, NAME, nothing, self._store, NoLetters(), DecodedBatches(), StreamMetrics(CollectorRegistry()),
            end_process=lambda _: None,
        )  # fmt: skip
        self._tail = EmbeddedLogTail(settings.log_dir)
        self.running, self.resting = asyncio.Event(), asyncio.Event()
        self.running.set()

    async def rest(self) -> None:
        """Take up nothing more until `running` is set; what was taken up is done."""
        self.running.clear()
        await self.resting.wait()

    async def follow(self) -> None:
        while True:
            self.resting.set()
            await self.running.wait()
            self.resting.clear()
            for topic in TOPICS:
                for partition in range(self._log.partitions(topic)):
                    start = self._store.checkpoints().get((topic, partition), 0)  # type: ignore[call-overload]
                    if batch := self._log.read(topic, partition, start, 1000):
                        await self._loop.handle(batch)
            await self._tail.wait(0.02)

    def close(self) -> None:
        self._tail.close()
        self._facts.close()
        self._store.close()
        self._log.close()


class MediaWorld:
    """All of it; `commands` is the world of commands, `queries` a client of the query API."""

    def __init__(
        self, commands: World, queries: httpx.AsyncClient, objects: ObjectStore, processing: Processing
    ) -> None:
        self.commands = commands
        self.queries = queries
        self.objects = objects
        self.processing = processing

    async def register(self) -> User:
        return await self.commands.register()

    async def upload(self, user: User, content: bytes, alt_text: str | None = None, **headers: str) -> httpx.Response:
        """Send a file as a form does."""
        sent = {"Authorization": f"Bearer {user.access_token}"}
        sent |= {name.replace("_", "-"): text for name, text in headers.items()}
        form = {} if alt_text is None else {"alt_text": alt_text}
        files = {"file": ("../../etc/passwd", content, "text/html")}  # what the caller says of it is not looked at
        return await user.client.post("/api/v1/media", files=files, data=form, headers=sent)

    async def uploaded(self, user: User, content: bytes, alt_text: str | None = None) -> dict[str, Any]:
        """Send a file that is fit to be shown; return the answer."""
        told = await self.settled(user, await self.upload(user, content, alt_text))
        assert told["status"] == "ready", told
        return told

    async def settled(self, user: User, answer: httpx.Response) -> dict[str, Any]:
        """Return what is told of an upload once it is decoded, for which a busy machine may take longer."""
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        async with asyncio.timeout(BOUND_SECONDS):
            while told["status"] == "processing":
                await asyncio.sleep(PAUSE_SECONDS)
                told = (await self.get(f"/api/v1/media/{told['media_id']}", user)).json()
        return told

    async def get(self, path: str, user: User | None = None, **headers: str) -> httpx.Response:
        """Ask the query API."""
        sent = {name.replace("_", "-"): text for name, text in headers.items()}
        if user is not None:
            sent["Authorization"] = f"Bearer {user.access_token}"
        return await self.queries.get(path, headers=sent)

    def keys(self, prefix: str = "") -> list[str]:
        return [it.key for it in self.objects.list(prefix)]

    async def forgets_uploads(self) -> None:
        """Wait until no upload is kept: each is deleted after it is said to be ready."""
        await soon(lambda: not self.keys("uploads/"))


def _make_others(settings: Settings) -> None:
    """Make the read models that nobody keeps up here: the query API wants all to be there."""
    with contextlib.closing(EmbeddedLogReader(settings.log_dir)) as log:
        for projection in PROJECTIONS:
            path = generation_path(settings.projections_dir, projection.name)
            if not path.exists():
                projection.open_store(path, log.log_id, settings).close()


@asynccontextmanager
async def media_world(
    folder: Path, decoder: Decoder, clock: Clock | None = None, **settings: Any
) -> AsyncIterator[MediaWorld]:
    """Open a world; the decoder may be shared by many."""
    async with command_world(folder, clock, **{**PATIENT, **settings}) as commands:
        services = commands.services
        objects = open_objects(services.settings)
        processing = Processing(services.settings, objects, decoder, services.clock)
        following = asyncio.create_task(processing.follow())
        try:
            _make_others(services.settings)
            queries = create_app(build(services.settings, services.clock))
            async with (
                queries.router.lifespan_context(queries),
                httpx.AsyncClient(transport=httpx.ASGITransport(queries), base_url="http://query") as client,
            ):
                yield MediaWorld(commands, client, objects, processing)
        finally:
            following.cancel()
            try:
                with contextlib.suppress(asyncio.CancelledError):
                    await following  # raises what it died of
            finally:
                processing.close()
