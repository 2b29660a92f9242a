"""A reader in another process is woken by an append (embedded)."""

from __future__ import annotations

import asyncio
import multiprocessing
from pathlib import Path
from typing import TYPE_CHECKING

from infra.log.embedded import EmbeddedLogReader, EmbeddedLogTail, ensure, open_appender
from infra.log.port import Record

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

PARTITIONS = {"tweets": 4}
WAKE_BOUND_S = 5  # far above the bell's milliseconds: a tail that waits this long has not heard it


def _all(reader: EmbeddedLogReader) -> list[bytes]:
    batches = [reader.read("tweets", partition, 0, 1000) for partition in range(PARTITIONS["tweets"])]
    return sorted(value for batch in batches if batch is not None for value in batch.values)


def _tail_until(folder: str, wanted: int, answers: Connection) -> None:
    asyncio.run(_tail(Path(folder), wanted, answers))


async def _tail(folder: Path, wanted: int, answers: Connection) -> None:
    reader, tail = EmbeddedLogReader(folder), EmbeddedLogTail(folder)
    answers.send("listening")
    slept_through = False
    while len(_all(reader)) < wanted:
        begun = asyncio.get_running_loop().time()
        await tail.wait(WAKE_BOUND_S)
        slept_through |= asyncio.get_running_loop().time() - begun >= WAKE_BOUND_S
    answers.send((_all(reader), slept_through))
    tail.close()
    reader.close()


async def test_tails_in_other_processes_are_woken_by_an_append(tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    ensure(tmp_path, PARTITIONS)
    log, pipes = open_appender(tmp_path, "facts", PARTITIONS), [context.Pipe() for _ in range(2)]
    children = [
        context.Process(target=_tail_until, args=(str(tmp_path), 3, theirs), daemon=True) for _, theirs in pipes
    ]
    for child in children:
        child.start()
    for ours, _ in pipes:
        assert await asyncio.to_thread(ours.recv) == "listening"
    for key in range(3):
        await log.append([Record("tweets", key, b"%d" % key)])
    for ours, _ in pipes:
        assert await asyncio.to_thread(ours.recv) == ([b"0", b"1", b"2"], False)
    for child in children:
        child.join()
    log.close()
