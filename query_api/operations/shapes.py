"""The shapes of what operators read, for the OpenAPI document."""

from __future__ import annotations

from typing import Literal

from query_api.openapi import Shape


class State(Shape):
    """How the process is."""

    status: str


class Readiness(Shape):
    """Whether queries are answered; each part is `ready`, or says what is wrong with it.

    `degraded`: all are answered, though one part is away (timelines are then pulled, lag is the last that was known).
    """

    status: Literal["ready", "degraded"]
    parts: dict[str, str]


class PartitionProgress(Shape):
    """How far a projection is in one partition: records before `position` are applied, `end` is the log's."""

    topic: str
    partition: int
    position: int
    end: int


class Generation(Shape):
    """One build of a projection; `verified` is null where it was never compared with the log."""

    generation: int
    state: Literal["building", "following", "frozen", "failed", "dropping"]
    verified: bool | None


class Replay(Shape):
    """What the last `murmur replay` of this installation told of a projection; `total` and `done` count records.

    `running` is false where it ended, or was killed: the same command again goes on. `verified` is null until it is
    known, and false where differences stopped it; `report` says which.
    """

    running: bool
    generation: int
    phase: Literal["waiting", "load", "finish", "verify", "catch up", "built", "hand over", "done", "failed"]
    done: int
    total: int
    records_per_second: float
    seconds_left: float | None
    verified: bool | None
    report: str
    told_at: str


class Projection(Shape):
    """How far a projection is: `lag_seconds` is the age of the oldest record that is not applied, 0 where none is.

    `generation` is the build that this process reads, `active` the one that it is to follow within a second.
    `dead_letters` counts the records that could not be applied and were not tried again, up to 1,000 (null: not yet).
    """

    projection: str
    ready: bool
    generation: int
    active: int
    generations: list[Generation]
    replay: Replay | None
    lag_events: int
    lag_seconds: float
    dead_letters: int | None
    partitions: list[PartitionProgress]


class Projections(Shape):
    """How far all projections are."""

    projections: list[Projection]
