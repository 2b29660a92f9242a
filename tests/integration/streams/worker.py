"""A stream process to be killed: `python -m tests.integration.streams.worker <folder>`. Prints a line per batch.

Its store notes every record it is given, so that one applied twice shows. A record whose number is in FATAL makes it
raise what no loop knows.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry

from infra.log.embedded import EmbeddedLogReader, EmbeddedLogTail, open_appender
from infra.log.port import Span, TopicPartition
from infra.sqlite.connections import Durability, open_writer, rows
from schemas.ids import SnowflakeGenerator
from streams.app import build_app, run_apps
from streams.dead_letters import DeadLetters
from streams.decoded import DecodedBatches
from streams.loop import ProjectionLoop
from streams.metrics import StreamMetrics

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Mapping, Sequence

    from infra.log.port import Batch
    from schemas.envelope import Event

TOPIC = "follows"
FATAL = 1 << 40


class NotingStore:
    def __init__(self, folder: Path) -> None:
        self._connection = open_writer(folder / "store.db", Durability.NORMAL)
        self._connection.execute("CREATE TABLE IF NOT EXISTS noted (number INTEGER NOT NULL)")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS checkpoints (topic, part, next, PRIMARY KEY (topic, part))"
        )

    def checkpoints(self) -> Mapping[TopicPartition, int]:
        found = rows(self._connection, "SELECT topic, part, next FROM checkpoints")
        return {TopicPartition(topic, part): following for topic, part, following in found}

    def apply(self, writes: Sequence[Any], span: Span) -> None:
        if FATAL in writes:
            raise ValueError("no loop knows this")
        with self._connection:
            self._connection.executemany("INSERT INTO noted VALUES (?)", ((number,) for number in writes))
            self._connection.execute(
                "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?)", (span.topic, span.partition, span.end)
            )
        sys.stdout.write("applied\n")
        sys.stdout.flush()

    def consistent(self) -> tuple[int, list[int]]:
        """How many records the checkpoints have passed, and the numbers noted, both as of one moment."""
        self._connection.execute("BEGIN")  # without it a batch may be applied between the two reads
        passed, numbers = sum(self.checkpoints().values()), self.noted()
        self._connection.execute("COMMIT")
        return passed, numbers

    def noted(self) -> list[int]:
        return [row[0] for row in rows(self._connection, "SELECT number FROM noted ORDER BY number")]

    def close(self) -> None:
        self._connection.close()


def numbers_of(events: Sequence[Event]) -> list[int]:
    return [event.envelope.event_id for event in events]


async def an_agent(batches: AsyncIterable[Batch], loop: ProjectionLoop) -> None:
    async for batch in batches:
        await loop.handle(batch)


async def main(folder: Path) -> None:
    log, tail = EmbeddedLogReader(folder), EmbeddedLogTail(folder)
    dead_letters = DeadLetters(open_appender(folder, "derived", {}), SnowflakeGenerator(1, lambda: 1_000))
    metrics = StreamMetrics(CollectorRegistry())
    loop = ProjectionLoop("noted", numbers_of, NotingStore(folder), dead_letters, DecodedBatches(), metrics)
    await run_apps([build_app("noted", (TOPIC,), an_agent, loop, log, tail)])


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
