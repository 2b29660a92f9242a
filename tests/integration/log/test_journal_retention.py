"""The embedded journal cuts the log itself; on Kafka that is the brokers' work."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from infra.journal.embedded import EmbeddedJournal
from infra.journal.port import Commit
from infra.log.embedded import EmbeddedLogReader, ensure
from infra.log.port import TopicPartition
from tests.builders import posted

if TYPE_CHECKING:
    from pathlib import Path

PARTITIONS = {"tweets": 4}


async def test_records_beyond_the_retention_go_but_for_the_newest(tmp_path: Path) -> None:
    ensure(tmp_path, PARTITIONS)
    with (
        contextlib.closing(EmbeddedJournal(tmp_path, PARTITIONS)) as journal,
        contextlib.closing(EmbeddedLogReader(tmp_path)) as log,
    ):
        for tweet in (10, 11, 12):
            await journal.commit(Commit((posted(1, tweet),), (), (), 201, b"{}", None))
        (end,) = journal.ends("tweets", 1)
        await journal.cut(0, 1 << 50)
        assert log.first_offset("tweets", end.partition) == 0
        await journal.cut(1, 1 << 50)
        assert log.first_offset("tweets", end.partition) == end.offset == 2


async def test_what_is_not_archived_stays_however_old(tmp_path: Path) -> None:
    archived: dict[TopicPartition, int] = {}
    ensure(tmp_path, PARTITIONS)
    with (
        contextlib.closing(EmbeddedJournal(tmp_path, PARTITIONS, archived=lambda: archived)) as journal,
        contextlib.closing(EmbeddedLogReader(tmp_path)) as log,
    ):
        for tweet in (10, 11, 12, 13):
            await journal.commit(Commit((posted(1, tweet),), (), (), 201, b"{}", None))
        place = TopicPartition(*journal.ends("tweets", 1)[0][:2])
        for upto in (0, 2, 4):
            archived[place] = upto
            await journal.cut(1, 1 << 50)
            assert log.first_offset(*place) == min(upto, 3)
