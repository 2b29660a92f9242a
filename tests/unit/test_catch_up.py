from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from infra.consistency import CatchUp, has_passed
from infra.log.doorbell import Bell
from infra.log.port import Position, TopicPartition

if TYPE_CHECKING:
    from pathlib import Path

POSITIONS = [Position("tweets", 0, 4), Position("follows", 1, 0)]


class HandFedReader:
    def __init__(self) -> None:
        self.applied: dict[TopicPartition, int] = {}
        self.looks = 0

    def checkpoints(self) -> dict[TopicPartition, int]:
        self.looks += 1
        return self.applied

    def apply_all(self) -> None:
        self.applied = {TopicPartition("tweets", 0): 5, TopicPartition("follows", 1): 1}


def test_a_position_is_passed_when_its_record_is_applied() -> None:
    reader = HandFedReader()
    assert has_passed(reader, [])
    assert not has_passed(reader, POSITIONS)
    reader.apply_all()
    assert has_passed(reader, POSITIONS)
    assert not has_passed(reader, [Position("tweets", 0, 5)])


async def test_a_ring_ends_the_wait_of_all_who_wait(tmp_path: Path) -> None:
    reader, path = HandFedReader(), tmp_path / "store.db"
    with contextlib.closing(CatchUp(path)) as catch_up, contextlib.closing(Bell(path)) as bell:
        waits = [asyncio.create_task(catch_up.until_passed(reader, POSITIONS, 30)) for _ in range(20)]
        await asyncio.sleep(0)
        reader.apply_all()
        began = time.monotonic()
        bell.ring()
        assert all(await asyncio.gather(*waits))
        assert time.monotonic() - began < 5


async def test_a_wait_has_an_end_and_does_not_poll_hot(tmp_path: Path) -> None:
    reader = HandFedReader()
    with contextlib.closing(CatchUp(tmp_path / "store.db")) as catch_up:
        assert not await catch_up.until_passed(reader, POSITIONS, 0.1)
        assert reader.looks <= 3
        assert not await catch_up.until_passed(reader, POSITIONS, 0)


async def test_a_ring_that_is_lost_costs_time_only(tmp_path: Path) -> None:
    reader = HandFedReader()
    with contextlib.closing(CatchUp(tmp_path / "store.db")) as catch_up:
        waiting = asyncio.create_task(catch_up.until_passed(reader, POSITIONS, 30))
        await asyncio.sleep(0)
        reader.apply_all()
        assert await waiting
