"""A data folder with a log of a random history, and live projections, for tests of replay."""

from __future__ import annotations

import random
from contextlib import closing
from typing import TYPE_CHECKING, Any

from infra.log import embedded
from infra.log.port import Record, Span, TopicPartition
from infra.settings import Settings
from infra.sqlite.projection_store import generation_path
from schemas.codec import decode, encode, topic_and_key
from streams.projections import PROJECTIONS
from streams.replay.kinds import KINDS
from streams.replay.rebuild import Rebuild, Task
from streams.replay.sample import Sample
from tests.histories import USERS, VERBS, Step, World

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from schemas.envelope import Event
    from streams.parts import Projection
    from streams.replay.findings import Report

PARTITIONS = {topic: 3 for topics in embedded.PARTS.values() for topic in topics}
LIVE_BATCH_RECORDS = 37
NAMED = {it.name: it for it in PROJECTIONS}


def random_history(steps: int, seed: int = 7) -> list[Event]:
    """A long history, the same for the same seed."""
    chance = random.Random(seed)
    chosen = [
        Step(chance.choice(VERBS), chance.choice(USERS), chance.randrange(31), chance.choice((0, 1, 1000, 60_000)))
        for _ in range(steps)
    ]
    return World().play(chosen)


class ReplayWorld:
    """Events go in by `publish`; `live` lets live projections catch up; `rebuild` builds new generations."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.settings = Settings(
            data_dir=folder, partitions=3, celebrity_followers=3, active_days=1000, log_level="WARNING", **settings
        )
        embedded.ensure(self.settings.log_dir, PARTITIONS)
        self.log = embedded.EmbeddedLogReader(self.settings.log_dir)

    def publish(self, *events: Event) -> None:
        """Append events to the log."""
        self.append([Record(*topic_and_key(event), encode(event)) for event in events])

    def append(self, records: Sequence[Record]) -> None:
        """Append records to the log."""
        with closing(embedded.open_appender(self.settings.log_dir, "facts", PARTITIONS)) as appender:
            appender.append_blocking(records)

    def path(self, name: str, generation: int = 1) -> Path:
        """The file of a generation."""
        return generation_path(self.settings.projections_dir, name, generation)

    def live(self, *names: str, generation: int = 1) -> None:
        """Apply what is on the log, batch by batch, as stream workers do."""
        for name in names or NAMED:
            self.keep_up(NAMED[name], generation)

    def keep_up(self, projection: Projection, generation: int = 1) -> None:
        """Apply what is on the log to a generation of this projection."""
        store = projection.open_store(self.path(projection.name, generation), self.log.log_id, self.settings)
        with closing(store):
            for topic in projection.topics:
                for partition in range(self.log.partitions(topic)):
                    self._catch_up(projection, store, TopicPartition(topic, partition))

    def _catch_up(self, projection: Projection, store: Any, place: TopicPartition) -> None:
        offset = store.checkpoints().get(place, 0)
        while batch := self.log.read(*place, offset, LIVE_BATCH_RECORDS):
            writes = projection.project([decode(value) for value in batch.values])
            store.apply(writes, Span(*place, offset, batch.next_offset))
            offset = batch.next_offset

    def rebuild(self, *projections: Projection, generation: int = 2, live: int | None = 1) -> dict[str, Report]:
        """Build these, possibly changed, into a generation; everything is recounted."""
        tasks: Sequence[Task] = [Task(it, KINDS[it.name], generation, live) for it in projections]
        return Rebuild(self.settings, self.log, tasks, Sample(), lambda _: None).run()

    def close(self) -> None:
        """Close the log."""
        self.log.close()
