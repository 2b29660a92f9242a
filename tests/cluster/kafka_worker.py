"""A stream worker on Kafka, to be killed: `python -m tests.cluster.kafka_worker <folder> <bootstrap> [instance]`.

Prints a line per batch. Workers of one folder share its store, which notes every record, so that one applied twice or
left out shows.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import CollectorRegistry

from infra.sqlite.connections import rows
from infra.sqlite.projection_store import SqliteProjectionStore
from schemas.ids import SnowflakeGenerator
from streams.app import StreamSettings, build_cluster_app, run_apps
from streams.dead_letters import DeadLetters
from streams.decoded import DecodedBatches
from streams.loop import ProjectionLoop
from streams.metrics import StreamMetrics
from tests.unit.streams.fakes import MemoryLog

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Sequence

    from infra.log.port import Batch, Span
    from schemas.envelope import Event

TOPIC = "follows"
BATCH_RECORDS = 100


class Noted(NamedTuple):
    number: int


class NotingStore(SqliteProjectionStore):
    SCHEMA = "CREATE TABLE IF NOT EXISTS noted (number INTEGER NOT NULL);"
    STATEMENTS = {Noted: "INSERT INTO noted VALUES (?)"}  # noqa: RUF012 - a constant

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "store.db", "a-log")

    def noted(self) -> list[int]:
        return [row[0] for row in rows(self._connection, "SELECT number FROM noted ORDER BY number")]


class TellingStore(NotingStore):
    def apply(self, writes: Sequence[Noted], span: Span) -> None:
        super().apply(writes, span)
        sys.stdout.write("applied\n")
        sys.stdout.flush()


def project(events: Sequence[Event]) -> list[Noted]:
    return [Noted(event.envelope.event_id) for event in events]


async def an_agent(batches: AsyncIterable[Batch], loop: ProjectionLoop) -> None:
    async for batch in batches:
        await loop.handle(batch)


async def main(folder: Path, bootstrap: str, instance: str | None) -> None:
    dead_letters = DeadLetters(MemoryLog(), SnowflakeGenerator(1, lambda: 1_000))
    metrics = StreamMetrics(CollectorRegistry())
    loop = ProjectionLoop(folder.name, project, TellingStore(folder), dead_letters, DecodedBatches(), metrics)
    settings = StreamSettings(batch_records=BATCH_RECORDS)
    await run_apps([build_cluster_app(folder.name, (TOPIC,), an_agent, loop, bootstrap, instance, settings)])


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3] if sys.argv[3:] else None))
