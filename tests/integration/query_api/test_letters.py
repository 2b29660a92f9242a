"""Dead letters that wait are counted for each projection, until somebody tries them again."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from infra.log.embedded import PARTS, open_appender
from infra.log.port import Record, Span
from query_api import letters
from schemas.catalogue import DEAD_LETTERS
from schemas.codec import encode, topic_and_key
from schemas.operations.events import DeadLettered
from tests.builders import envelope
from tests.query_world import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

MOST = 20


@pytest.fixture(autouse=True)
def _counts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(letters, "MOST_COUNTED", MOST)
    monkeypatch.setattr(letters, "READ_RECORDS", 3)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as made:
        yield made


async def bury(world: World, projection: str, count: int) -> None:
    """Write letters of a projection."""
    log = open_appender(world.settings.log_dir, "derived", dict.fromkeys(PARTS["derived"], 2))
    with closing(log):
        for offset in range(count):
            letter = DeadLettered(envelope(), projection, "tweets", offset % 2, offset, "it is poison", b"")
            await log.append([Record(*topic_and_key(letter), encode(letter))])


async def counted(world: World) -> dict[str, int | None]:
    """Ask until it was looked twice: a look takes place beside the answer."""
    found = {}
    for _ in range(2):
        answer = await world.client().get("http://query/projections")
        found = {it["projection"]: it["dead_letters"] for it in answer.json()["projections"]}
        looking = world.services.letters._looking
        assert looking is not None
        looking.join(10)
    return found


async def test_letters_are_counted_for_their_projection_and_no_other(world: World) -> None:
    await bury(world, "tweets", 7)
    await bury(world, "graph", 2)
    await counted(world)
    found = await counted(world)
    assert (found["tweets"], found["graph"], found["accounts"]) == (7, 2, 0)
    await bury(world, "tweets", 1)
    await counted(world)
    assert (await counted(world))["tweets"] == 8


async def test_letters_that_were_tried_again_do_not_wait(world: World) -> None:
    await bury(world, "tweets", 6)
    for partition in range(2):
        world.stores["tweets"].apply((), Span(DEAD_LETTERS, partition, 0, 2))
    await counted(world)
    assert (await counted(world))["tweets"] == 2


async def test_no_more_are_counted_than_anybody_reads(world: World) -> None:
    await bury(world, "tweets", MOST + 5)
    await counted(world)
    assert (await counted(world))["tweets"] == MOST


async def test_until_somebody_has_counted_nobody_says_none(world: World) -> None:
    found = (await world.client().get("http://query/projections")).json()["projections"]
    assert {it["dead_letters"] for it in found} <= {None, 0}
