"""A writer of home timelines to be killed: applies the history of a seed, a batch at a time, and says where it is."""

from __future__ import annotations

import random
import sys
from contextlib import closing
from typing import TYPE_CHECKING

from infra.log.port import Span, TopicPartition
from projections.home_timeline.projector import project
from projections.home_timeline.redis import RedisHomeTimelineStore
from schemas.ids import first_id_at
from tests import builders

if TYPE_CHECKING:
    from schemas.envelope import Event

READERS = range(1, 301)
AUTHORS = range(1, 6)
TWEETS = 400
SHARDS = 4
PARTITION = TopicPartition("history", 0)


def events() -> list[Event]:
    """Everybody reads every author; then the authors speak."""
    rng, now = random.Random(7), builders.EPOCH_MS
    said: list[Event] = [builders.followed(reader, author, now) for reader in READERS for author in AUTHORS]
    said += [builders.signed_in(reader, now) for reader in READERS]
    for number in range(TWEETS):
        said.append(builders.posted(rng.choice(AUTHORS), first_id_at(now + 1 + number), at_ms=now + 1 + number))
    return said


def open_store(urls: str) -> RedisHomeTimelineStore:
    """Return the store; small chunks, so that a kill finds it inside an audience."""
    return RedisHomeTimelineStore(
        urls.split(","), "a-log", celebrity_followers=10**9, active_days=30, shards=SHARDS, chunk_pushes=7
    )


def write(urls: str, batch: int) -> None:
    """Apply what is still to be applied."""
    history = events()
    with closing(open_store(urls)) as store:
        at = store.checkpoints().get(PARTITION, 0)
        while at < len(history):
            part = history[at : at + batch]
            store.apply(project(part), Span(*PARTITION, at, at + len(part)))
            at += len(part)
            sys.stdout.write(f"{at}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]))
