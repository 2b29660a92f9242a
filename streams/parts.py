"""What a projection is made of, and what a profile gives to it: the words that bootstrap and the profiles share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import ExitStack
    from pathlib import Path

    from infra.generations.record import Record
    from infra.log.port import EventLog, LogReader, TopicPartition
    from infra.projections import ProjectionStore
    from infra.push.subscriptions import Subscriptions
    from infra.settings import Settings
    from infra.sources import Source
    from schemas.envelope import Event
    from streams.app import Agent, ProjectionApp, StreamSettings
    from streams.dead_letters import DeadLetters
    from streams.loop import ProjectionLoop


S = TypeVar("S")


class Projection(NamedTuple):
    """One projection: what it reads, how it decides, where it writes."""

    name: str
    topics: tuple[str, ...]
    agent: Agent
    project: Callable[[Sequence[Event]], Sequence[Any]]
    open_store: Callable[[Path, str, Settings], ProjectionStore]
    schema_version: int = 1  # of what a store on files holds: its SCHEMA_VERSION, raised with its layout or its rules


class PushParts(NamedTuple):
    """What a profile gives the push agent: devices, and the read models that it looks into, by name."""

    subscriptions: Subscriptions
    sources: Mapping[str, Source[Any]]


def plain(store: Callable[[Path, str], S]) -> Callable[[Path, str, Settings], S]:
    """Return how a file is opened whose store no setting concerns."""
    return lambda path, log_id, _: store(path, log_id)


def with_limits(store: Callable[..., S]) -> Callable[[Path, str, Settings], S]:
    """Return how a file of home timelines is opened."""
    return lambda path, log_id, settings: store(
        path, log_id, celebrity_followers=settings.celebrity_followers, active_days=settings.active_days
    )


class Parts(Protocol):
    """What a profile gives the projections of a process."""

    @property
    def log(self) -> LogReader:
        """The log; its ends as of the last look."""

    @property
    def dead_letters(self) -> DeadLetters:
        """Where poison goes."""

    async def records(self) -> Mapping[str, Record]:
        """Return what is recorded of the generations of each projection; raises TroubleError, StoreError."""

    def schema_version(self, projection: Projection) -> int:
        """Return which version of a projection's stores this program writes."""

    async def open_store(self, projection: Projection, generation: int, open_things: ExitStack) -> ProjectionStore:
        """Open the store of a generation, closed by `open_things`; raises TroubleError, StoreError."""

    def places(self, projection: Projection) -> bool:
        """Tell whether the store takes each write with the place of its record."""

    def build_app(self, projection: Projection, loop: ProjectionLoop, reading: StreamSettings) -> ProjectionApp:
        """Return the app of the loop's generation."""

    def ends(self, topics: Sequence[str]) -> Mapping[TopicPartition, int]:
        """Ask the log where its partitions end; blocks."""

    def open_facts(self) -> EventLog:
        """Open the log for what agents find out: facts, beside those of commands."""

    def open_push(self) -> PushParts:
        """Open what the push agent needs, inside the event loop."""

    async def look(self) -> Mapping[str, bool]:
        """Tell, by part, whether it does its work; lags are as of this."""

    async def guard(self) -> None:
        """Watch the stores for as long as the process runs."""
