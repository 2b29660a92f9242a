"""Chooses where home timelines come from: as a rule from where they are pushed to, else they are pulled.

They are pulled while the store of timelines does not answer, while it is being rebuilt (it was emptied, or went back),
and while it is far behind tweets and the graph; and for one query that holds a token that only it has not passed.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Protocol

from prometheus_client import Gauge

from infra.json_logs import FIELDS
from infra.projections import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.log.port import TopicPartition
    from projections.home_timeline.read_model import HomeTimelineReader

FAR_RECORDS = 10_000  # a pulled timeline costs some thirty pushed ones: a busy hour must not lead to it
NEAR_RECORDS = 1_000
TOLD_AFTER_S = 1.0  # a new log's first records come to one store before the other
SOURCES = ("tweets", "graph")
PULLING = Gauge("murmur_home_timeline_pulling", "1 while home timelines are pulled, as their store cannot be used.")

log = logging.getLogger(__name__)


class Known(Protocol):
    """What is known of the projections' progress (infra.progress)."""

    def checkpoints(self, projection: str) -> Mapping[TopicPartition, int] | None:
        """Return how far a projection is."""

    def reason(self, projection: str) -> str:
        """Return why it cannot be asked, or nothing."""


class Watch:
    """Tells whether the store of timelines can be used."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._seen: tuple[object, ...] = ()
        self._home: Mapping[TopicPartition, int] = {}
        self._target: Mapping[TopicPartition, int] = {}
        self.reason = ""
        self._since = 0.0
        self._told = False

    def pulls(self) -> bool:
        """Tell whether timelines are to be pulled."""
        known = self._known
        seen = (
            known.checkpoints("home_timeline"),
            known.reason("home_timeline"),
            *(known.checkpoints(it) for it in SOURCES),
        )
        if any(now is not before for now, before in zip(seen, self._seen, strict=False)) or not self._seen:
            self._seen = seen
            self._judge()
        if self.reason and not self._told and time.monotonic() - self._since > TOLD_AFTER_S:
            self._told = True
            log.warning("home timelines are pulled", extra={FIELDS: {"reason": self.reason}})
        return bool(self.reason)

    def failed(self, error: StoreError) -> None:
        """Pull from now on, until a look says otherwise."""
        self._enter(f"their store does not answer ({type(error).__name__})")

    def _judge(self) -> None:
        before, self._home = self._home, self._known.checkpoints("home_timeline") or {}
        there: dict[TopicPartition, int] = {}
        for source in SOURCES:
            for place, offset in (self._known.checkpoints(source) or {}).items():
                there[place] = max(offset, there.get(place, 0))
        if reason := self._known.reason("home_timeline"):
            self._enter(reason)
        elif any(offset and not self._home.get(place) for place, offset in there.items()):
            self._enter("they are being rebuilt", there)
        elif any(self._home.get(place, 0) < offset for place, offset in before.items()):
            self._enter("their store went back", there)
        elif self._behind(there) > FAR_RECORDS:
            self._enter("their store is far behind", there)
        elif self.reason and self._behind(there) <= NEAR_RECORDS and self._behind(self._target) == 0:
            self._leave()

    def _behind(self, there: Mapping[TopicPartition, int]) -> int:
        return sum(max(0, offset - self._home.get(place, 0)) for place, offset in there.items())

    def _enter(self, reason: str, target: Mapping[TopicPartition, int] | None = None) -> None:
        if not self.reason:
            self._since, self._target = time.monotonic(), {}
            PULLING.set(1)
        self.reason = reason
        self._target = target or self._target

    def _leave(self) -> None:
        if self._told:
            seconds = round(time.monotonic() - self._since, 1)
            log.warning("home timelines are read from their store again", extra={FIELDS: {"pulled_seconds": seconds}})
        self.reason, self._told = "", False
        PULLING.set(0)


class HomeTimelines:
    """Home timelines, pushed or pulled: the same list."""

    def __init__(self, pushed: HomeTimelineReader, pulled: HomeTimelineReader, watch: Watch) -> None:
        self._pushed = pushed
        self.pulled = pulled
        self.watch = watch

    def checkpoints(self) -> Mapping[TopicPartition, int]:
        """Return those of the store of timelines."""
        return self._pushed.checkpoints()

    def page(self, viewer_id: int, max_id: int | None, limit: int) -> list[int]:
        """Return a page (see HomeTimelineReader)."""
        if not self.watch.pulls():
            try:
                return self._pushed.page(viewer_id, max_id, limit)
            except StoreError as error:
                self.watch.failed(error)
        return self.pulled.page(viewer_id, max_id, limit)
