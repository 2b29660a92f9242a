"""The loop of the processing agent: some uploads at a time, what is said of them, and then the checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.log.port import TopicPartition
from schemas.media.events import MediaCollected, MediaUploaded
from streams.loop import ProjectionLoop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.log.port import Span
    from infra.projections import ProjectionStore
    from schemas.envelope import Event
    from streams.processing.work import Work

UPLOADS_AT_A_TIME = 8  # what is decoded again after a kill


class ProcessingLoop(ProjectionLoop):
    """As a projection's, but that what a portion of a batch says is done before its checkpoint is moved."""

    def __init__(self, work: Work, name: str, project: Any, store: ProjectionStore, *about: Any, **more: Any) -> None:
        """`about` and `more` are the loop's."""
        super().__init__(name, project, store, *about, **more)
        self._work = work
        self._progress = store

    async def _write(self, events: Sequence[Event | None], span: Span) -> None:
        done = self._progress.checkpoints().get(TopicPartition(span.topic, span.partition), 0)
        start = max(span.start, done)
        for end in _ends(events, span, start):
            portion = events[start - span.start : end - span.start]
            uploads = [it for it in portion if isinstance(it, MediaUploaded)]
            collected = [it for it in portion if isinstance(it, MediaCollected)]
            gone = {it.media_id for it in collected}
            await self._work.decode([it for it in uploads if it.media_id not in gone])
            await self._work.delete(collected)
            self._progress.apply([], span._replace(start=start, end=end))
            await self._work.forget_uploads(uploads)
            start = end


def _ends(events: Sequence[Event | None], span: Span, start: int) -> list[int]:
    """Return where the portions of a span end: after so many uploads each, and at its end."""
    places = [span.start + at + 1 for at, it in enumerate(events) if isinstance(it, MediaUploaded)]
    cuts = [place for place in places if place > start][UPLOADS_AT_A_TIME - 1 :: UPLOADS_AT_A_TIME]
    return [*cuts, span.end] if not cuts or cuts[-1] < span.end else cuts
