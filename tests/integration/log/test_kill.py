"""kill -9 of the appending process at any moment: what it had acknowledged stays, and nothing is there twice."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import os
import random
import select
import signal
import struct
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from infra.log import sqlite
from infra.log.port import Position
from schemas.catalogue import FOLLOWS
from tests.integration.log import workload

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

CYCLES_IN_CI = 40
CYCLES_A_FILE = 10  # each cycle reads its whole file: a new one now and then keeps that short
CLIENTS = 6
LONGEST_LIFE_S = 0.15  # from the fork on, so that some are killed while they open the log; longer where that is slow
LIVES_OF_THE_FIRST = 3
APPENDS_A_CYCLE = 1_000_000

_ACK = struct.Struct(">QIQ")


def _append_for_ever(path: str, first_append: int, acknowledgements: Connection) -> None:
    """The child: append from several clients at once and tell of every acknowledged position, until killed."""
    asyncio.run(_clients(Path(path), first_append, acknowledgements.fileno()))


async def _clients(path: Path, first_append: int, pipe: int) -> None:
    log = workload.open_log(path)
    appends = itertools.count(first_append)

    async def client() -> None:
        while True:
            group = workload.group(next(appends))
            positions = await log.append([workload.record(number) for number in group])
            acks = [_ACK.pack(n, at.partition, at.offset) for n, at in zip(group, positions, strict=True)]
            os.write(pipe, b"".join(acks))

    await asyncio.gather(*[client() for _ in range(CLIENTS)])


def _run_and_kill(path: Path, first_append: int, hear: Callable[[int], bytes]) -> dict[Position, int]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.integration.log.test_kill"])
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_append_for_ever, args=(str(path), first_append, theirs), daemon=True)
    child.start()
    theirs.close()
    heard = hear(ours.fileno())
    assert child.pid is not None
    assert child.exitcode is None, "the child ended by itself"
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    while more := os.read(ours.fileno(), 1 << 16):
        heard += more
    ours.close()
    return {Position(FOLLOWS, partition, offset): number for number, partition, offset in _ACK.iter_unpack(heard)}


def _longest_life(path: Path) -> float:
    """Some lives of a process that is killed at its first word."""
    began = time.monotonic()
    assert _run_and_kill(path, 0, lambda pipe: os.read(pipe, 1 << 16))
    path.unlink()
    return max(LONGEST_LIFE_S, LIVES_OF_THE_FIRST * (time.monotonic() - began))


def _hear(seconds: float, pipe: int) -> bytes:
    heard, end = b"", time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if select.select([pipe], [], [], left)[0]:
            heard += os.read(pipe, 1 << 16)
    return heard


def test_what_was_acknowledged_survives_kill_9_at_any_moment(tmp_path: Path) -> None:
    chance, cycles, total = random.Random(workload.seed()), workload.soak_cycles(CYCLES_IN_CI), 0
    longest = min(_longest_life(tmp_path / f"first-{number}.db") for number in range(2))  # the first starts a server
    for cycle in range(cycles):
        path = tmp_path / f"{cycle // CYCLES_A_FILE}.db"
        if cycle % CYCLES_A_FILE == 0:
            acknowledged: dict[Position, int] = {}
        acks = _run_and_kill(path, cycle * APPENDS_A_CYCLE, partial(_hear, chance.uniform(0, longest)))
        assert not acknowledged.keys() & acks.keys(), "an offset was given twice"
        acknowledged |= acks
        total += len(acks)
        sqlite.create(path, workload.PARTITIONS).close()  # as the next process would: it must never refuse
        workload.assert_whole(path, acknowledged)
        if cycle % CYCLES_A_FILE == CYCLES_A_FILE - 1:
            path.unlink()
    print(f"kill -9: {cycles} cycles, {total} records acknowledged, none lost")  # noqa: T201 - what a soak reports
    assert total > cycles
