"""What every recount is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.log.port import TopicPartition
    from schemas.envelope import Event
    from streams.replay.findings import Finding

LIST_LIMIT = 200
"""How much of a list is compared, from its newest end."""


class Recount(Protocol):
    """Takes every event of the log up to a position, topic by topic in the order of streams.replay.build.FIRST.

    READS names the events that say something to it; of others it need not hear.
    """

    READS: ClassVar[tuple[type[Event], ...]]

    def take(self, place: TopicPartition, offset: int, event: Event) -> None:
        """Remember what an event says of the entities in the sample."""

    def entities(self) -> int:
        """Return how many are compared."""

    def differences(self, reader: Any) -> Iterator[Finding]:
        """Compare with what the reader answers."""
