"""Dead letters are tried again on request: applied where they can be by now, kept where they cannot."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from infra.log import embedded
from infra.log.port import Position
from infra.settings import Settings
from infra.sqlite.projection_store import generation_path
from infra.trouble import TroubleError
from projections.tweets.sqlite import SqliteTweetsReader
from schemas.catalogue import DEAD_LETTERS
from schemas.codec import encode
from schemas.ids import SnowflakeGenerator
from streams.bootstrap import retry_dead_letters
from streams.dead_letters import DeadLetter, DeadLetters
from streams.dlq import Retried
from streams.writer_lock import WriterLock
from tests.builders import EPOCH_MS, posted

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


async def bury(settings: Settings, projection: str, *records: bytes) -> None:
    partitions = {topic: settings.partitions for topics in embedded.PARTS.values() for topic in topics}
    embedded.ensure(settings.log_dir, partitions)
    with closing(embedded.open_appender(settings.log_dir, "derived", partitions)) as log:
        letters = [DeadLetter(Position("tweets", 0, at), "was broken", record) for at, record in enumerate(records)]
        await DeadLetters(log, SnowflakeGenerator(1, lambda: EPOCH_MS)).append(projection, letters)


async def test_a_letter_that_can_be_applied_by_now_is_applied_once(settings: Settings) -> None:
    await bury(settings, "tweets", encode(posted(1, 10)))
    assert await retry_dead_letters(settings, "tweets") == Retried(1, 0)
    assert await retry_dead_letters(settings, "tweets") == Retried(0, 0)
    with closing(SqliteTweetsReader(generation_path(settings.projections_dir, "tweets"))) as reader:
        assert list(reader.many([10])) == [10]


async def test_a_letter_that_is_refused_again_becomes_a_new_letter(settings: Settings) -> None:
    await bury(settings, "tweets", b"no event", encode(posted(1, 10)))
    assert await retry_dead_letters(settings, "tweets") == Retried(1, 1)
    with closing(embedded.EmbeddedLogReader(settings.log_dir)) as log:
        assert sum(log.end_offsets((DEAD_LETTERS,)).values()) == 3
    assert await retry_dead_letters(settings, "tweets") == Retried(0, 1)


async def test_the_letters_of_other_projections_are_left_alone(settings: Settings) -> None:
    await bury(settings, "graph", encode(posted(1, 10)))
    assert await retry_dead_letters(settings, "tweets") == Retried(0, 0)


async def test_a_projection_that_runs_elsewhere_is_not_written_to(settings: Settings) -> None:
    path = generation_path(settings.projections_dir, "tweets")
    with closing(WriterLock(path)), pytest.raises(TroubleError):
        await retry_dead_letters(settings, "tweets")
