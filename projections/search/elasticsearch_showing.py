"""Lets what was written be found, and then says how far that is: a refresh, then the checkpoints.

A refresh takes Elasticsearch some 10 ms of CPU, whatever it shows, so a worker shows every SHOW_SECONDS at the most:
what is written in between waits for the others, and the agent goes on meanwhile. Until it is shown, a span is applied
but not checkpointed: after a kill it comes again and changes nothing. Outside of the bridge all is shown at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING

from infra import bridge
from infra.log.port import Span, TopicPartition
from infra.projections import StoreError, StoreUnavailableError
from projections.search.elasticsearch_progress import move_checkpoints

if TYPE_CHECKING:
    from collections.abc import Iterable

    from infra.elastic import Elastic

log = logging.getLogger(__name__)

SHOW_SECONDS = 0.1
LONGEST_SECONDS = 2.0
"""Between two attempts while Elasticsearch does not answer."""


class Showing:
    """What is written and not shown yet, of one store."""

    def __init__(self, elastic: Elastic, progress: str) -> None:
        self._elastic = elastic
        self._progress = progress
        self._written: set[str] = set()
        self._spans: dict[TopicPartition, Span] = {}
        self._shown_at = float("-inf")
        self._one_at_a_time = asyncio.Lock()
        self._later: asyncio.Task[None] | None = None

    def add(self, written: Iterable[str], span: Span) -> None:
        """Take note of the indices that a span was written to, and have it shown soon; outside of the bridge, at once.

        Raises StoreError where it was to be shown at once; then it has to come again.
        """
        self._written.update(written)
        self._spans[TopicPartition(span.topic, span.partition)] = span
        if not bridge.is_bridged():
            self._show()
        elif self._later is None or self._later.done():
            self._later = asyncio.get_running_loop().create_task(self._show_all())

    def show(self) -> None:
        """Show all of it; returns when nothing is waiting or being shown."""
        if not bridge.is_bridged():
            self._show()
            return
        bridge.wait_for(self._one_at_a_time.acquire())
        try:
            self._show()
        finally:
            self._one_at_a_time.release()

    def close(self) -> None:
        """Show what waits, if Elasticsearch answers; nothing is tried again after that."""
        with contextlib.suppress(StoreError):
            self.show()
        self._spans = {}

    def _show(self) -> None:
        written, spans = self._written, self._spans
        if not spans:
            return
        self._written, self._spans = set(), {}
        try:
            if written:
                self._elastic.ask("POST", f"/{','.join(sorted(written))}/_refresh")
            move_checkpoints(self._elastic, self._progress, spans.values())
        except BaseException:
            self._written |= written
            self._spans = spans | self._spans  # what was added meanwhile is later
            raise
        self._shown_at = time.monotonic()

    async def _show_all(self) -> None:
        pause = max(0.0, self._shown_at + SHOW_SECONDS - time.monotonic())
        while self._spans:  # more may be added while it shows
            await asyncio.sleep(pause)
            pause = await self._attempt(pause)

    async def _attempt(self, paused: float) -> float:
        """Show what there is; return the seconds until the next attempt."""
        try:
            await bridge.bridged(self._shown())
        except StoreUnavailableError as error:
            pause = min(max(2 * paused, SHOW_SECONDS), LONGEST_SECONDS)
            log.warning("search: what is written cannot be shown, next attempt in %.1f s: %s", pause, error)
            return pause
        except StoreError as error:
            log.error("search: what is written cannot be shown: %s", error)  # noqa: TRY400 - it is known where
            return LONGEST_SECONDS
        return SHOW_SECONDS

    async def _shown(self) -> None:
        self.show()
