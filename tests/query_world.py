"""A small world behind the query API: a real log, real stores filled through the projectors, the app over them."""

from __future__ import annotations

from contextlib import AsyncExitStack, ExitStack, closing
from typing import TYPE_CHECKING, Any, Protocol, Self

import httpx

from infra.auth.keys import KeyRing
from infra.auth.scopes import of_role
from infra.auth.tokens import AccessTokens
from infra.clock import SystemClock
from infra.consistency import HEADER
from infra.generations.files import FileGenerations
from infra.log import embedded
from infra.log.port import Position, Record, Span
from infra.settings import Settings
from infra.sqlite.projection_store import generation_path
from infra.status import kept
from query_api.app import create_app
from query_api.bootstrap import build
from schemas.codec import decode, encode, topic_and_key
from schemas.ids import first_id_at, to_uuid
from streams.projections import PROJECTIONS
from tests import builders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from infra.clock import Clock
    from infra.generations.record import Kept
    from infra.projections import ProjectionStore
    from query_api.bootstrap import Services
    from schemas.envelope import Event
    from streams.parts import Projection

SESSION = 1
NAMES = tuple(projection.name for projection in PROJECTIONS)


def tweet_id(n: int) -> int:
    """The id of the n-th tweet: a minute apart."""
    return first_id_at(builders.EPOCH_MS + n * 60_000)


def uid(n: int) -> int:
    """The id of the n-th account."""
    return first_id_at(builders.EPOCH_MS - 1_000_000 + n)


class Backing(Protocol):
    """What the read models of a world are on; `behind`: a query sees later what is projected, unless it has a token."""

    behind: bool

    def settings(self, folder: Path) -> Settings:
        """Return the settings of a world."""

    def open_store(
        self, projection: Projection, log_id: str, settings: Settings, generation: int = 1
    ) -> ProjectionStore:
        """Open the store of a projection, empty where it is the world's first."""

    def records(self, settings: Settings) -> Kept:
        """Return where generations are recorded."""

    def projector(self, projection: Projection) -> Callable[[Sequence[Event]], Sequence[Any]]:
        """Return what makes the writes that the store takes."""

    def build(self, settings: Settings, clock: Clock | None) -> Services:
        """Return the services of the query process."""


class Files:
    """A folder."""

    behind = False

    def settings(self, folder: Path) -> Settings:
        return Settings(data_dir=folder)

    def open_store(
        self, projection: Projection, log_id: str, settings: Settings, generation: int = 1
    ) -> ProjectionStore:
        path = generation_path(settings.projections_dir, projection.name, generation)
        return projection.open_store(path, log_id, settings)

    def records(self, settings: Settings) -> Kept:
        return FileGenerations(settings.projections_dir)

    def projector(self, projection: Projection) -> Callable[[Sequence[Event]], Sequence[Any]]:
        return projection.project

    def build(self, settings: Settings, clock: Clock | None) -> Services:
        return build(settings, clock)


class World:
    """Events go in by `publish`, are applied by `project`, and are read over HTTP by `client`."""

    def __init__(
        self, folder: Path, clock: Clock | None = None, backing: Backing | None = None, **settings: Any
    ) -> None:
        self.backing = backing or Files()
        self.settings = self.backing.settings(folder).model_copy(update={"partitions": 2, **settings})
        self._said: list[Position] = []
        self._token = ""
        partitions = {topic: 2 for topics in embedded.PARTS.values() for topic in topics}
        embedded.ensure(self.settings.log_dir, partitions)
        self._open = ExitStack()
        self._clients = AsyncExitStack()
        self.log = self._open.enter_context(closing(embedded.EmbeddedLogReader(self.settings.log_dir)))
        self._appender = embedded.open_appender(self.settings.log_dir, "facts", partitions)
        self._open.callback(self._appender.close)
        self.stores: dict[str, ProjectionStore] = {}
        self.open_stores(kept(self.settings))
        self.services = self.backing.build(self.settings, clock)
        self._open.callback(self.services.close)
        self.app = create_app(self.services)
        self._tokens = AccessTokens(KeyRing(self.settings.keys_dir), clock or SystemClock(), 900)

    def open_stores(self, names: Iterable[str]) -> None:
        """Open the stores of these projections, making their files where missing."""
        for projection in PROJECTIONS:
            if projection.name in names:
                self.stores[projection.name] = self.backing.open_store(projection, self.log.log_id, self.settings)

    async def publish(self, *events: Event) -> str:
        """Append events to the log; return their consistency token."""
        records = [Record(*topic_and_key(event), encode(event)) for event in events]
        positions = await self._appender.append(records)
        self._said += positions
        return self.services.tokens.write(positions)

    def project(self, *names: str) -> None:
        """Let the projections (all, where none is named) catch up."""
        for projection in PROJECTIONS:
            if projection.name not in (names or self.stores):
                continue
            store = self.stores[projection.name]
            for topic in projection.topics:
                for partition in range(self.log.partitions(topic)):
                    self._catch_up(self.backing.projector(projection), store, topic, partition)

    def _catch_up(self, project: Any, store: ProjectionStore, topic: str, partition: int) -> None:
        while batch := self.log.read(topic, partition, _applied(store, topic, partition), 500):
            events = [decode(value) for value in batch.values]
            store.apply(project(events), Span(topic, partition, batch.base_offset, batch.next_offset))

    async def given(self, *events: Event) -> None:
        """Publish events and project them; queries, where they are behind, hold a token of all that was given."""
        await self.publish(*events)
        self.project()
        if self.backing.behind:
            self._token = self.services.tokens.write(self._said)

    def client(self, user_id: int | None = None, role: str = "user") -> httpx.AsyncClient:
        """Return a client of the API, signed in as an account or not at all, by a token of that role's scopes."""
        headers = {}
        if user_id is not None:
            headers["Authorization"] = f"Bearer {self._tokens.issue(user_id, SESSION, scopes=of_role(role))}"
        if self._token:
            headers[HEADER] = self._token
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url="http://query/api/v1", headers=headers)
        self._clients.push_async_exit(client)
        return client

    async def get(self, path: str, user_id: int | None = None, **params: Any) -> Any:
        """Return the JSON of an answer that must be a 200."""
        response = await self.client(user_id).get(path, params=params)
        assert response.status_code == 200, response.text
        return response.json()

    async def refused(self, path: str, user_id: int | None = None, **params: Any) -> tuple[int, str]:
        """Return status and code of an answer that must be a problem."""
        response = await self.client(user_id).get(path, params=params)
        assert response.headers["Content-Type"] == "application/problem+json", response.text
        return response.status_code, response.json()["code"]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._clients.aclose()
        for store in self.stores.values():
            store.close()
        self._open.close()


def _applied(store: ProjectionStore, topic: str, partition: int) -> int:
    return {(key.topic, key.partition): offset for key, offset in store.checkpoints().items()}.get(
        (topic, partition), 0
    )


def ids(tweets: Iterable[dict[str, Any]]) -> list[str]:
    """Return the ids of tweets."""
    return [tweet["tweet_id"] for tweet in tweets]


def uuids(*numbers: int) -> list[str]:
    """Return the UUIDs of tweets by number."""
    return [to_uuid(tweet_id(number)) for number in numbers]
