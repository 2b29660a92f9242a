"""What the processes of a replay are told, and what they say: a JSON line each, on standard output."""

from __future__ import annotations

import gc
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
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
AUTOGROUP = Path("/proc/self/autogroup")
ATTEMPTS, AGAIN_SECONDS = 10, 0.1  # the kernel takes one such write in a tenth of a second


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
    nice: int = 0
    share: tuple[int, int] = (0, 1)
    from_archive: bool = False


def begun(arguments: Sequence[str]) -> tuple[Orders, Settings]:
    """Read the orders that a process was started with, and be as they want it: nice, and at nothing but the build."""
    orders = msgspec.json.decode(arguments[0], type=Orders)
    settings = Settings()
    json_logs.configure(settings.log_level)
    if orders.nice:
        give_way(orders.nice)
    gc.disable()  # a build makes millions of tuples and no cycles: looking for some is a fifth of its time
    return orders, settings


def give_way(nice: int) -> None:
    """Let other processes go first, those of other sessions, too.

    Linux shares processors out between sessions before it does between processes (sched_autogroup_enabled), and each
    process of `murmur up` has a session of its own: a nice process would get as much as any of them. So this one takes
    a session of its own as well, and makes that nice. Where there is no such thing, its own niceness counts.
    """
    os.nice(nice)
    with suppress(OSError):  # a session is its own already, or the kernel makes no groups of them
        os.setsid()
        for _ in range(ATTEMPTS):
            try:
                AUTOGROUP.write_text(str(nice))
            except BlockingIOError:
                time.sleep(AGAIN_SECONDS)  # another process of this replay is at it
            else:
                break


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
