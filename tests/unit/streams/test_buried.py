"""A record that cannot be applied has one letter, whoever meets it."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from infra.log import embedded
from infra.log.port import Position
from schemas.catalogue import DEAD_LETTERS
from schemas.ids import SnowflakeGenerator
from streams import buried
from streams.buried import Buried
from streams.dead_letters import DeadLetter, DeadLetters
from tests.builders import EPOCH_MS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.log.port import EventLog

PARTITIONS = {topic: 2 for topics in embedded.PARTS.values() for topic in topics}


@pytest.fixture
def log(tmp_path: Path) -> Iterator[tuple[EventLog, embedded.EmbeddedLogReader]]:
    embedded.ensure(tmp_path, PARTITIONS)
    appender = embedded.open_appender(tmp_path, "derived", PARTITIONS)
    with closing(appender), closing(embedded.EmbeddedLogReader(tmp_path)) as reader:
        yield appender, reader


def letters_of(log: tuple[EventLog, embedded.EmbeddedLogReader]) -> DeadLetters:
    """Return what buries in one process."""
    return DeadLetters(log[0], SnowflakeGenerator(1, lambda: EPOCH_MS), Buried(lambda: log[1]))


def written(log: tuple[EventLog, embedded.EmbeddedLogReader]) -> int:
    return sum(log[1].end_offsets((DEAD_LETTERS,)).values())


def letter(offset: int) -> DeadLetter:
    return DeadLetter(Position("tweets", 0, offset), "broken", b"no event")


async def test_two_at_once_and_whoever_comes_later_write_one(log: tuple[EventLog, embedded.EmbeddedLogReader]) -> None:
    one = letters_of(log)
    await asyncio.gather(*(one.append("tweets", [letter(3), letter(4)]) for _ in range(2)))
    await letters_of(log).append("tweets", [letter(4), letter(5)])
    assert written(log) == 3


async def test_another_projection_has_one_of_its_own(log: tuple[EventLog, embedded.EmbeddedLogReader]) -> None:
    letters = letters_of(log)
    for projection in ("tweets", "search", "tweets"):
        await letters.append(projection, [letter(3)])
    assert written(log) == 2


async def test_one_that_was_tried_again_and_refused_has_another(
    log: tuple[EventLog, embedded.EmbeddedLogReader],
) -> None:
    letters = letters_of(log)
    await letters.append("tweets", [letter(3)])
    await letters.append_again("tweets", [letter(3)])
    assert written(log) == 2


async def test_no_more_than_so_many_are_known(
    log: tuple[EventLog, embedded.EmbeddedLogReader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buried, "MOST_KNOWN", 2)
    known = Buried(lambda: log[1])
    letters = DeadLetters(log[0], SnowflakeGenerator(1, lambda: EPOCH_MS), known)
    for offset in range(5):
        await letters.append("tweets", [letter(offset)])
    known.look()
    assert [known.knows("tweets", letter(offset).position) for offset in range(5)] == [False] * 3 + [True] * 2
