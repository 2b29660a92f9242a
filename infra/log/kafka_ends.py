"""Follows the ends of a log on Kafka in a thread: its client's calls block, and lag asks ten times a second.

What was known last stays while no broker answers; `reason` tells.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from infra.bridge import wait
from infra.json_logs import FIELDS
from infra.log.kafka_reader import KafkaLogReader
from infra.log.port import LogError, TopicPartition
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LOOK_S = 0.1

log = logging.getLogger(__name__)


class KafkaEnds:
    """The ends of some topics, from the first `start` inside an event loop on."""

    def __init__(self, bootstrap: str, topics: Sequence[str]) -> None:
        self._bootstrap = bootstrap
        self._topics = tuple(topics)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ends")  # a reader belongs to one thread
        self._reader: KafkaLogReader | None = None
        self._ends: dict[TopicPartition, int] = {}
        self._task: asyncio.Task[None] | None = None
        self.reason = "it was not asked yet"

    def start(self) -> None:
        """Begin to look; more than once is once, and outside an event loop nothing."""
        with contextlib.suppress(RuntimeError):
            self._task = self._task or asyncio.get_running_loop().create_task(self._follow())

    def end_offsets(self, topics: Sequence[str]) -> Mapping[TopicPartition, int]:
        """Return, as far as is known, the offset that the next record of each partition will get."""
        self.start()
        return {place: end for place, end in self._ends.items() if place.topic in topics}

    def appended_at_ms(self, topic: str, partition: int, offset: int) -> int | None:
        """Return when a record was appended, unix milliseconds; None where nobody can tell."""
        if self.reason:
            return None
        try:
            return wait(self._thread.submit(self._open().appended_at_ms, topic, partition, offset))
        except LogError:
            return None

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                self._ends = await loop.run_in_executor(self._thread, self._look)
            except (LogError, TroubleError) as error:
                self._fail(error)
            else:
                self.reason = ""
            await asyncio.sleep(LOOK_S)

    def _look(self) -> dict[TopicPartition, int]:
        return self._open().end_offsets(self._topics)

    def _open(self) -> KafkaLogReader:
        if self._reader is None:
            self._reader = KafkaLogReader(self._bootstrap, self._topics)
        return self._reader

    def _fail(self, error: Exception) -> None:
        if not self.reason:
            log.warning("the log does not answer", extra={FIELDS: {"error": str(error)}})
        self.reason = f"Kafka does not answer ({type(error).__name__})"

    def close(self) -> None:
        """Leave the cluster."""
        if self._task is not None:
            self._task.cancel()
        if self._reader is not None:
            self._thread.submit(self._reader.close)
        self._thread.shutdown(wait=True)
