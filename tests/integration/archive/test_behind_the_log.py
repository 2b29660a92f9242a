"""A generation whose next record was cut off the log waits for its replay; the others are kept up meanwhile."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry

from infra.log.port import TopicPartition
from infra.settings import Settings
from infra.trouble import TroubleError
from streams import following
from streams.decoded import DecodedBatches
from streams.errors import BeyondTheLogError, check_reached
from streams.files import FileParts
from streams.following import Followers
from streams.metrics import StreamMetrics
from tests.replay_world import NAMED
from tests.waiting import soon

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from infra.projections import ProjectionStore
    from streams.parts import Projection

FOLLOWS = TopicPartition("follows", 0)
PATIENCE_SECONDS = 60.0


class Behind(FileParts):
    """Parts (streams.parts.Parts) of which one projection is behind the beginning of the log for a while."""

    def __init__(self, settings: Settings, wanted: Sequence[Projection], open_things: ExitStack) -> None:
        super().__init__(settings, wanted, open_things)
        self.cut = {FOLLOWS: 5}

    async def open_store(self, projection: Projection, generation: int, open_things: ExitStack) -> ProjectionStore:
        if projection.name == "graph":
            check_reached(projection.name, {FOLLOWS: 3}, self.cut)
        return await super().open_store(projection, generation, open_things)


async def test_the_others_are_followed_and_it_is_once_it_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(following, "LOOK_SECONDS", 0.02)
    wanted = [NAMED["graph"], NAMED["tweets"]]
    settings, stop = Settings(data_dir=tmp_path, partitions=2), asyncio.Event()
    with ExitStack() as open_things:
        parts = Behind(settings, wanted, open_things)
        followers = Followers(parts, wanted, DecodedBatches(), StreamMetrics(CollectorRegistry()), settings)
        running = asyncio.create_task(followers.run(stop))
        try:
            await soon(lambda: {it.projection.name for it in followers} == {"tweets"} or running.done())
            await soon(lambda: "murmur replay graph" in caplog.text)
            parts.cut = {FOLLOWS: 3}
            await soon(lambda: {it.projection.name for it in followers} == {"graph", "tweets"} or running.done())
        finally:
            stop.set()
            await asyncio.wait_for(running, PATIENCE_SECONDS)


def test_what_the_log_has_not_any_more_is_told_with_what_to_do() -> None:
    check_reached("graph", {FOLLOWS: 5}, {FOLLOWS: 5})
    check_reached("graph", {}, {FOLLOWS: 0})
    with pytest.raises(
        BeyondTheLogError, match="graph is at offset 0 of follows/0, and the log begins at 1,000"
    ) as told:
        check_reached("graph", {}, {FOLLOWS: 1_000})
    assert isinstance(told.value, TroubleError)
    assert told.value.remedy == "build it from the archive: `murmur replay graph`"
