"""A store that notices when what it had applied is gone: Redis came back empty, a table was dropped.

Nothing else would, until the next record comes: the loop remembers how far its store is. Checkpoints never move back
by themselves, so one that stands before what was seen once was lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.log.port import TopicPartition

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.log.port import Span
    from infra.projections import ProjectionStore


class WatchedStore:
    """The store of a projection (ProjectionStore), and how far it was seen to be."""

    def __init__(self, store: ProjectionStore) -> None:
        self._store = store
        self._seen: dict[TopicPartition, int] = {}

    def checkpoints(self) -> Mapping[TopicPartition, int]:
        """Return, per partition, the offset of the next record to apply (absent: 0)."""
        self._seen = dict(self._store.checkpoints())
        return dict(self._seen)

    def apply(self, writes: Sequence[Any], span: Span) -> None:
        """Apply the writes and move the checkpoint."""
        self._store.apply(writes, span)
        self._seen[TopicPartition(span.topic, span.partition)] = span.end

    def lost(self) -> TopicPartition | None:
        """Return a partition of which the store knows less than it did, or None."""
        seen = dict(self._seen)  # before the question: what is applied meanwhile is not in the answer
        now = self._store.checkpoints()
        return next((place for place, offset in seen.items() if now.get(place, 0) < offset), None)

    def close(self) -> None:
        """Close the store."""
        self._store.close()
