"""What the processes of a replay are told, and what they say: a JSON line each, on standard output."""

from __future__ import annotations

import gc
import sys
import time
from typing import TYPE_CHECKING

import msgspec

from infra import json_logs
from infra.log.port import TopicPartition
from infra.settings import Settings
from streams.replay.findings import Report

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.replay.rebuild import Told

LINE_SECONDS = 0.2


class TaskOrder(msgspec.Struct):
    """One generation to build; positions are written `tweets/3`."""

    projection: str
    generation: int
    live: int | None = None
    until: dict[str, int] | None = None


class Orders(msgspec.Struct):
    """What a process is to do: `sample` as streams.replay.sample.Sample, `rate` in records a second (0: any).

    `share`: on servers, its number, and how many processes there are, which share the partitions. `from_archive`: read
    the archive as far as it goes.
    """

    tasks: list[TaskOrder]
    sample: tuple[int, int, int]
    rate: float = 0.0
    share: tuple[int, int] = (0, 1)
    from_archive: bool = False


def begun(arguments: Sequence[str]) -> tuple[Orders, Settings]:
    """Read the orders that a process was started with, and be at nothing but the build."""
    orders = msgspec.json.decode(arguments[0], type=Orders)
    settings = Settings()
    json_logs.configure(settings.log_level)
    gc.disable()  # a build makes millions of tuples and no cycles: looking for some is a fifth of its time
    return orders, settings


class Line(msgspec.Struct):
    """How far one task is (see streams.replay.rebuild.Told)."""

    projection: str
    phase: str
    done: dict[str, int] = {}
    goal: dict[str, int] = {}
    passed: int = 0
    report: Report | None = None


def named(positions: Mapping[TopicPartition, int]) -> dict[str, int]:
    """Write positions for people and files: `tweets/3`."""
    return {f"{place.topic}/{place.partition}": offset for place, offset in positions.items()}


def placed(positions: Mapping[str, int]) -> dict[TopicPartition, int]:
    """Read positions that were written so."""
    found = {}
    for name, offset in positions.items():
        topic, _, partition = name.rpartition("/")
        found[TopicPartition(topic, int(partition))] = offset
    return found


class Lines:
    """Writes what is told, at most a line a projection and LINE_SECONDS unless the phase changed."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, float]] = {}

    def tell(self, told: Told) -> None:
        """Write a line, where it is time for one."""
        phase, at = self._last.get(told.projection, ("", 0.0))
        if phase == told.phase and time.monotonic() < at + LINE_SECONDS:
            return
        self._last[told.projection] = (told.phase, time.monotonic())
        line = Line(told.projection, told.phase, named(told.done), named(told.goal), told.passed, told.report)
        sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
        sys.stdout.buffer.flush()
