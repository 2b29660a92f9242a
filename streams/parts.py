"""What a projection is made of, and what a profile gives to it: the words that bootstrap and the profiles share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from infra.log.port import LogReader, TopicPartition
    from infra.projections import ProjectionStore
    from infra.push.subscriptions import Subscriptions
    from infra.settings import Settings
    from infra.sources import Source
    from schemas.envelope import Event
    from streams.app import Agent, ProjectionApp, StreamSettings
    from streams.dead_letters import DeadLetters
    from streams.loop import ProjectionLoop


class Projection(NamedTuple):
    """One projection: what it reads, how it decides, where it writes."""

    name: str
    topics: tuple[str, ...]
    agent: Agent
    project: Callable[[Sequence[Event]], Sequence[Any]]
    open_store: Callable[[Path, str, Settings], ProjectionStore]


class PushParts(NamedTuple):
    """What a profile gives the push agent: devices, and the read models that it looks into, by name."""

    subscriptions: Subscriptions
    sources: Mapping[str, Source[Any]]


class Parts(Protocol):
    """What a profile gives the projections of a process."""

    @property
    def log(self) -> LogReader:
        """The log; its ends as of the last look."""

    @property
    def dead_letters(self) -> DeadLetters:
        """Where poison goes."""

    def open_store(self, projection: Projection) -> ProjectionStore:
        """Open the store of a projection; raises TroubleError, StoreError."""

    def places(self, projection: Projection) -> bool:
        """Tell whether the store takes each write with the place of its record."""

    def build_app(self, projection: Projection, loop: ProjectionLoop, reading: StreamSettings) -> ProjectionApp:
        """Return the projection's app."""

    def ends(self, topics: Sequence[str]) -> Mapping[TopicPartition, int]:
        """Ask the log where its partitions end; blocks."""

    def open_push(self) -> PushParts:
        """Open what the push agent needs, inside the event loop."""

    async def look(self) -> Mapping[str, bool]:
        """Tell, by part, whether it does its work; lags are as of this."""

    async def guard(self) -> None:
        """Watch the stores for as long as the process runs."""
