"""What a handler decides, as data: the events, the names they claim or release, and the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from schemas.envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Callable

    import msgspec

    from infra.journal.port import Claim
    from schemas.envelope import Event


class Concern(NamedTuple):
    """Which part of the log an unchanged answer speaks of: a topic, and the entity whose records it read."""

    topic: str
    key: int


class Decision(NamedTuple):
    """Without events nothing changes; the answer's token then names the present end of what it `concerns`.

    `free` are the names that nobody may hold when it is committed: what the decision was based on.
    """

    answer: msgspec.Struct
    events: tuple[Event, ...] = ()
    claims: tuple[Claim, ...] = ()
    releases: tuple[Claim, ...] = ()
    status: int = 200
    concerns: tuple[Concern, ...] = ()
    free: tuple[str, ...] = ()


class Stamp(NamedTuple):
    """Who asks, when, under which request; gives ids. The only thing in a decision that differs from run to run."""

    actor_id: int
    now_ms: int
    request_id: str
    next_id: Callable[[], int]

    def envelope(self) -> Envelope:
        """Return the envelope of one more event."""
        return Envelope(self.next_id(), self.now_ms, self.actor_id, self.request_id)
