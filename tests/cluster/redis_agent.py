"""One of several writers of home timelines, to be killed: `python -m tests.cluster.redis_agent <urls> <n> <batch>`.

It applies its share of the partitions of the history of a seed, a batch of each in turn, and says a line per batch.
"""

from __future__ import annotations

import random
import sys
from contextlib import closing
from typing import TYPE_CHECKING

from infra.log.port import Span, TopicPartition
from projections.home_timeline.projector import project
from projections.home_timeline.redis import RedisHomeTimelineStore
from schemas.codec import topic_and_key
from schemas.ids import first_id_at
from tests import builders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.envelope import Event

AGENTS = 3
SHARDS = 5
PARTITIONS = 2
PEOPLE = range(1, 61)
SOME_USERS = range(1, 61, 7)
STEPS = 4_000


def events() -> list[Event]:
    """Follows, posts, deletions and unfollows of sixty people."""
    rng, now = random.Random(11), builders.EPOCH_MS
    said: list[Event] = [builders.signed_in(reader, now) for reader in PEOPLE]
    standing: list[tuple[int, int]] = []
    for _ in range(STEPS):
        now += 1
        one, other = rng.sample(PEOPLE, 2)
        match rng.choices(("post", "follow", "unfollow", "delete"), (50, 30, 8, 12))[0]:
            case "post":
                said.append(builders.posted(one, first_id_at(now), at_ms=now))
                standing.append((one, first_id_at(now)))
            case "follow":
                said.append(builders.followed(one, other, now))
            case "unfollow":
                said.append(builders.unfollowed(one, other, now))
            case _ if standing:
                author, tweet = standing.pop(rng.randrange(len(standing)))
                said.append(builders.deleted(author, tweet, now))
            case _:
                pass
    return said


def parts_of(said: Sequence[Event]) -> dict[TopicPartition, list[Event]]:
    """Return the partitions of the log that has these events."""
    parts: dict[TopicPartition, list[Event]] = {}
    for event in said:
        topic, key = topic_and_key(event)
        parts.setdefault(TopicPartition(topic, key % PARTITIONS), []).append(event)
    return parts


def write(urls: Sequence[str], number: int, batch: int, most: int = sys.maxsize) -> None:
    """Apply what is still to be applied of this agent's partitions, up to `most` records of each."""
    mine = [part for at, part in enumerate(sorted(parts_of(events()).items())) if at % AGENTS == number]
    store = RedisHomeTimelineStore(
        urls, "log", celebrity_followers=10**9, active_days=10**6, shards=SHARDS, chunk_pushes=5
    )
    with closing(store):
        done = {place: store.checkpoints().get(place, 0) for place, _ in mine}
        while left := [(place, said) for place, said in mine if done[place] < min(len(said), most)]:
            for place, said in left:
                end = min(done[place] + batch, len(said), most)
                store.apply(project(said[done[place] : end]), Span(*place, done[place], end))
                done[place] = end
                sys.stdout.write("applied\n")
                sys.stdout.flush()


if __name__ == "__main__":
    write(sys.argv[1].split(","), int(sys.argv[2]), int(sys.argv[3]))
