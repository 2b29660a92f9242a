"""The loop of the push agent: messages, and then the checkpoint; and where the first one begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.log.port import Span
from projections.notifications.notices import told
from streams.loop import ProjectionLoop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.log.port import TopicPartition
    from infra.projections import ProjectionStore
    from schemas.envelope import Event
    from streams.push.effects import Effects


class PushLoop(ProjectionLoop):
    """As a projection's, but that what a batch says is done before its checkpoint is moved."""

    def __init__(self, effects: Effects, *about: Any, **more: Any) -> None:
        """`about` and `more` are the loop's."""
        super().__init__(*about, **more)
        self._effects = effects

    async def _write(self, events: Sequence[Event | None], span: Span) -> None:
        await self._effects.tell([notice for event in events if event is not None for notice in told(event)], span)
        await super()._write([None] * len(events), span)


def begin_at_the_end(store: ProjectionStore, ends: Mapping[TopicPartition, int]) -> None:
    """Where it was never started pass by all that is on the log: it happened before anybody asked to be told."""
    if store.checkpoints():
        return
    for (topic, partition), end in ends.items():
        store.apply([], Span(topic, partition, 0, end))
