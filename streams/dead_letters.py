"""Puts records that a projection cannot apply on the topic `dead-letters`, where they wait for a person.

Writes:     DeadLettered, with the record's bytes as they are and the reason
Guarantee:  durable when `append` returns, so before the checkpoint passes the record; a crash between the two writes
            the letter again, under another event id but the same projection, topic, partition and offset
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from infra.log.port import Position, Record
from schemas.codec import encode, topic_and_key
from schemas.envelope import Envelope
from schemas.ids import unix_ms
from schemas.operations.events import DeadLettered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.log.port import EventLog
    from schemas.ids import SnowflakeGenerator

REASON_MAX_CHARACTERS = 1_000  # an exception's text may quote a whole record; the record itself is in the letter


class DeadLetter(NamedTuple):
    """One record that was passed by, and why."""

    position: Position
    reason: str
    record: bytes


class DeadLetters:
    """Writes the dead letters of every projection of a process."""

    def __init__(self, log: EventLog, ids: SnowflakeGenerator) -> None:
        self._log = log
        self._ids = ids

    async def append(self, projection: str, letters: Sequence[DeadLetter]) -> None:
        """Append all letters or none; returns when they are durable; raises LogUnavailableError where they are not."""
        await self._log.append([self._record(projection, letter) for letter in letters])

    def _record(self, projection: str, letter: DeadLetter) -> Record:
        event_id = self._ids.next_id()
        event = DeadLettered(
            envelope=Envelope(event_id=event_id, occurred_at_ms=unix_ms(event_id), actor_id=0),
            projection=projection,
            topic=letter.position.topic,
            partition=letter.position.partition,
            offset=letter.position.offset,
            reason=letter.reason[:REASON_MAX_CHARACTERS],
            record=letter.record,
        )
        topic, key = topic_and_key(event)
        return Record(topic, key, encode(event))
