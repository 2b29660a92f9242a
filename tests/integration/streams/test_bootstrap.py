"""The stream process as it is started: all projections on a log in files, one writer each."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING

import apsw
import pytest

from infra.log import embedded
from infra.log.doorbell import Doorbell
from infra.log.port import Record
from infra.settings import PREFIX
from infra.sqlite.projection_store import SqliteProjectionReader, generation_path
from projections.engagement.read_model import Counts
from projections.engagement.sqlite import SqliteEngagementReader
from projections.tweets.sqlite import SqliteTweetsReader
from schemas.codec import encode, topic_and_key
from streams.projections import PROJECTIONS
from tests.builders import followed, liked, posted, registered, retweeted, signed_in

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from schemas.envelope import Event

PATIENCE_SECONDS = 60.0
PARTITIONS = dict.fromkeys((topic for topics in embedded.PARTS.values() for topic in topics), 4)
HISTORY: list[Event] = [
    *(registered(user) for user in range(1, 9)),
    *(signed_in(user) for user in range(1, 9)),
    *(followed(user, 1) for user in range(2, 9)),
    posted(1, 10),
    posted(2, 11, reply_to=(10, 1)),
    retweeted(3, 12, (10, 1)),
    *(liked(user, (10, 1)) for user in range(2, 9)),
]


@asynccontextmanager
async def streams(data_dir: Path, *names: str) -> AsyncIterator[Process]:
    command = (sys.executable, "-m", "streams", *names)
    environment = {f"{PREFIX}DATA_DIR": str(data_dir), f"{PREFIX}PARTITIONS": "4"}
    process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=asyncio.subprocess.PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)


async def append(data_dir: Path, events: Sequence[Event]) -> None:
    with closing(embedded.open_appender(data_dir / "log", "facts", PARTITIONS)) as log:
        await log.append([Record(*topic_and_key(event), encode(event)) for event in events])


def caught_up(data_dir: Path, topics: Sequence[str], path: Path) -> bool:
    try:
        reader = SqliteProjectionReader(path)
    except (apsw.CantOpenError, apsw.SQLError):  # the file is there before its tables
        return False
    with closing(reader), closing(embedded.EmbeddedLogReader(data_dir / "log")) as log:
        done = reader.checkpoints()
        return all(done.get(partition, 0) == end for partition, end in log.end_offsets(topics).items())


async def applied(data_dir: Path) -> None:
    """Return when every projection has applied all of the log."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        for projection in PROJECTIONS:
            path = generation_path(data_dir / "projections", projection.name)
            async with Doorbell(path) as bell:
                while not caught_up(data_dir, projection.topics, path):
                    await bell.wait(0.2)


async def test_every_projection_takes_what_is_there_and_what_comes(tmp_path: Path) -> None:
    embedded.ensure(tmp_path / "log", PARTITIONS)
    await append(tmp_path, HISTORY)
    async with streams(tmp_path, "all") as process:
        await applied(tmp_path)
        await append(tmp_path, [posted(4, 13, quoted=(10, 1))])
        await applied(tmp_path)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), PATIENCE_SECONDS) == 0
    with closing(SqliteTweetsReader(generation_path(tmp_path / "projections", "tweets"))) as tweets:
        assert set(tweets.many([10, 11, 12, 13])) == {10, 11, 12, 13}
    with closing(SqliteEngagementReader(generation_path(tmp_path / "projections", "engagement"))) as engagement:
        assert engagement.counts([10]) == {10: Counts(likes=7, retweets=1, replies=1, quotes=1)}


async def test_a_killed_process_goes_on_where_it_was(tmp_path: Path) -> None:
    embedded.ensure(tmp_path / "log", PARTITIONS)
    await append(tmp_path, HISTORY[:20])
    async with streams(tmp_path, "all") as process:
        await applied(tmp_path)
        process.kill()
    await append(tmp_path, HISTORY[20:])
    async with streams(tmp_path, "all"):
        await applied(tmp_path)
    with closing(SqliteEngagementReader(generation_path(tmp_path / "projections", "engagement"))) as engagement:
        assert engagement.counts([10]) == {10: Counts(likes=7, retweets=1, replies=1)}


async def test_a_projection_has_one_writer(tmp_path: Path) -> None:
    embedded.ensure(tmp_path / "log", PARTITIONS)
    async with streams(tmp_path, "graph"):
        path = generation_path(tmp_path / "projections", "graph")
        async with asyncio.timeout(PATIENCE_SECONDS), Doorbell(path) as bell:
            while not path.exists():
                await bell.wait(0.05)
        async with streams(tmp_path, "accounts", "graph") as second:
            _, said = await asyncio.wait_for(second.communicate(), PATIENCE_SECONDS)
            assert second.returncode == 2
            assert b"graph/g1 is written by another process" in said.splitlines()[-1]


@pytest.mark.parametrize("names", [(), ("nonsense",), ("graph", "nonsense"), ("all", "graph")])
async def test_an_unknown_name_is_answered_with_the_known_ones(names: tuple[str, ...], tmp_path: Path) -> None:
    async with streams(tmp_path, *names) as process:
        _, said = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
        assert process.returncode == 2
        assert b"usage: python -m streams all | tables | [dlq-retry] accounts | tweets | graph" in said
