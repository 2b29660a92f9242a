"""What the durability tests append, and how they look at what came of it."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

from infra.log.group_commit import GroupCommitLog
from infra.log.port import Position, Record
from infra.log.sqlite_reader import SqliteLogReader
from infra.log.verify import verify
from schemas.catalogue import FOLLOWS
from schemas.codec import decode, encode
from schemas.envelope import Envelope
from schemas.follows.events import Followed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PARTITIONS = {FOLLOWS: 2}
USERS = 16
RECORDS_AN_APPEND = 3
CHECKPOINT_PAGES = 12  # a short workload goes through several checkpoints

Content = dict[Position, int]
"""Which number stands where: each record of a workload carries a number of its own."""


def soak_cycles(in_ci: int) -> int:
    """How often a test repeats: MURMURATION_SOAK_CYCLES, or what fits a run of CI."""
    return int(os.environ.get("MURMURATION_SOAK_CYCLES", in_ci))


def seed() -> int:
    """The seed of this run, for random.Random: MURMURATION_SOAK_SEED, or 1."""
    return int(os.environ.get("MURMURATION_SOAK_SEED", "1"))


def open_log(path: Path, vfs: str | None = None) -> GroupCommitLog:
    return GroupCommitLog(path, PARTITIONS, vfs=vfs, checkpoint_pages=CHECKPOINT_PAGES)


def record(number: int) -> Record:
    user = number % USERS
    padding = "x" * (number * 37 % 200)  # rows of different lengths, so that writes cross sectors and pages
    envelope = Envelope(event_id=number, occurred_at_ms=number, actor_id=user, correlation_id=padding)
    return Record(FOLLOWS, user, encode(Followed(envelope=envelope, user_id=user, target_id=number)))


def content(path: Path) -> Content:
    """Read a whole log from the beginning; raises where its reader does."""
    reader = SqliteLogReader(path)
    try:
        return {
            Position(FOLLOWS, partition, batch_offset): number
            for partition in range(PARTITIONS[FOLLOWS])
            for batch_offset, number in enumerate(_numbers(reader, partition))
        }
    finally:
        reader.close()


def _numbers(reader: SqliteLogReader, partition: int) -> list[int]:
    numbers: list[int] = []
    while batch := reader.read(FOLLOWS, partition, len(numbers), 100):
        for key, value in zip(batch.keys, batch.values, strict=True):
            event = decode(value)
            assert isinstance(event, Followed)
            assert value == record(event.target_id).value
            assert key == event.user_id
            numbers.append(event.target_id)
    return numbers


def group(index: int) -> range:
    """The numbers of the records that the append of this index has."""
    return range(index * RECORDS_AN_APPEND, (index + 1) * RECORDS_AN_APPEND)


def assert_whole(path: Path, acknowledged: Mapping[Position, int]) -> Content:
    """Every acknowledged record is where it was said to be, nothing twice, no append in part, no fault to find."""
    found = content(path)
    lost = {position: number for position, number in acknowledged.items() if found.get(position) != number}
    assert not lost, f"acknowledged, but not there: {lost}"
    numbers = list(found.values())
    assert len(numbers) == len(set(numbers)), "a record is there twice"
    appends = Counter(number // RECORDS_AN_APPEND for number in numbers)
    assert set(appends.values()) <= {RECORDS_AN_APPEND}, "only a part of an append is there"
    assert list(verify(path)) == []
    return found
