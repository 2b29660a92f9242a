"""Has what an account said about topics taken away from their counts: once, however often it is begun."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from commands import claims
from infra.journal.port import AlreadyClaimedError, Commit
from infra.log.partitioner import partition_of
from projections.trends.withdrawing import counted
from schemas import codec
from schemas.catalogue import TWEETS
from schemas.tweets.events import TopicsWithdrawn, TweetPosted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commands.decision import Stamp
    from commands.services import Services
    from infra.erasing.port import Copies
    from infra.log.port import LogReader
    from schemas.tweets.events import TopicCount

COUNTS_AT_ONCE = 2_000  # some 100 KB in an event
READ_RECORDS = 2_000


async def withdraw(services: Services, user_id: int, stamp: Stamp) -> None:
    """Say it; the account is closed, so that nothing comes behind it. Reads the partition of its tweets."""
    counts = await asyncio.to_thread(_counts, services.privacy.copies, user_id)
    for number, some in enumerate(_chunks(counts)):
        if services.journal.owner(claims.withdrawn_key(user_id, number)) is None:
            said = TopicsWithdrawn(stamp.envelope(), user_id, some)
            taken = (claims.withdrawn(user_id, number),)
            try:
                await services.journal.commit(Commit((said,), taken, (), 200, b"", None))
            except AlreadyClaimedError:
                continue  # another process was about it, after all


def _chunks(counts: list[TopicCount]) -> Iterator[list[TopicCount]]:
    for first in range(0, max(1, len(counts)), COUNTS_AT_ONCE):
        yield counts[first : first + COUNTS_AT_ONCE]


def _counts(copies: Copies, user_id: int) -> list[TopicCount]:
    with copies.log() as log:
        return counted(_posts(log, user_id))


def _posts(log: LogReader, user_id: int) -> Iterator[TweetPosted]:
    partition, offset = partition_of(user_id, log.partitions(TWEETS)), 0
    while batch := log.read(TWEETS, partition, offset, READ_RECORDS):
        for key, value in zip(batch.keys, batch.values, strict=True):
            if key == user_id:
                event = codec.decode(value)
                if isinstance(event, TweetPosted) and event.hashtags:
                    yield event
        offset = batch.next_offset
