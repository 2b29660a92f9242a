"""Frozen generations of a query world: what `murmur replay --until` builds, made by hand."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from infra.clock import SystemClock, rfc3339
from infra.generations.changes import Generations
from infra.generations.record import State
from infra.log.port import Span
from schemas.codec import decode
from streams.projections import PROJECTIONS

if TYPE_CHECKING:
    from collections.abc import Collection

    from infra.projections import ProjectionStore
    from streams.parts import Projection
    from tests.query_world import World

OF_TWEETS = ("accounts", "tweets", "graph", "engagement")
OF_ALL = (*OF_TWEETS, "trends")


def generations_of(world: World) -> Generations:
    """The changes of a world's generations."""
    return Generations(world.backing.records(world.settings), SystemClock(), "a test")


def frozen(world: World, at_ms: int, names: Collection[str] = OF_ALL) -> str:
    """Build generations as of a time, which the log has to be in the order of; return the time as it is asked for."""
    for projection in PROJECTIONS:
        if projection.name in names:
            freeze(world, projection, at_ms)
    return rfc3339(at_ms)


def freeze(world: World, projection: Projection, at_ms: int) -> int:
    """Build one; return its number."""
    generations = generations_of(world)
    version = world.stores[projection.name].SCHEMA_VERSION  # type: ignore[attr-defined]  # all stores have one
    number = generations.begin(projection.name, version, until={"of/0": 0}, until_ms=at_ms)
    with closing(world.backing.open_store(projection, world.log.log_id, world.settings, number)) as store:
        for topic in projection.topics:
            for partition in range(world.log.partitions(topic)):
                fill(world, projection, store, Span(topic, partition, 0, at_ms))
    generations.mark(projection.name, number, State.FROZEN)
    return number


def fill(world: World, projection: Projection, store: ProjectionStore, upto: Span) -> None:
    """Apply a partition up to a time, which stands for the span's end."""
    batch = world.log.read(upto.topic, upto.partition, 0, 100_000)
    events = [] if batch is None else [decode(value) for value in batch.values]
    events = [event for event in events if event.envelope.occurred_at_ms <= upto.end]
    if events:
        writes = world.backing.projector(projection)(events)
        store.apply(writes, Span(upto.topic, upto.partition, 0, len(events)))
