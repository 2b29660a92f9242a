"""Puts records that a projection cannot apply on the topic `dead-letters`, where they wait for a person.

Writes:     DeadLettered, with the record's bytes as they are and the reason
Guarantee:  durable when `append` returns, so before the checkpoint passes the record; a crash between the two writes
            the letter again, under another event id but the same projection, topic, partition and offset. A record has
            one letter for all generations of a projection
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from infra.log.port import Position, Record
from schemas.codec import encode, topic_and_key
from schemas.envelope import Envelope
from schemas.ids import unix_ms
from schemas.operations.events import DeadLettered

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from infra.log.port import EventLog
    from schemas.ids import SnowflakeGenerator
    from streams.buried import Buried

REASON_MAX_CHARACTERS = 1_000  # an exception's text may quote a whole record; the record itself is in the letter


class DeadLetter(NamedTuple):
    """One record that was passed by, and why."""

    position: Position
    reason: str
    record: bytes


async def _at_once(look: Callable[[], None]) -> None:
    look()


class DeadLetters:
    """Writes the dead letters of every projection of a process."""

    def __init__(
        self,
        log: EventLog,
        ids: SnowflakeGenerator,
        buried: Buried | None = None,
        look: Callable[[Callable[[], None]], Awaitable[None]] = _at_once,
    ) -> None:
        """Write to `log`; `buried` knows what was written before, and `look` runs its looks, which may block."""
        self._log = log
        self._ids = ids
        self._buried = buried
        self._look = look
        self._one_at_a_time = asyncio.Lock()

    async def append(self, projection: str, letters: Sequence[DeadLetter]) -> None:
        """Append those of records that have none, all or none of them; returns when they are durable.

        Raises LogUnavailableError where they are not.
        """
        if self._buried is None:
            await self.append_again(projection, letters)
            return
        async with self._one_at_a_time:
            await self._look(self._buried.look)
            new = [letter for letter in letters if not self._buried.knows(projection, letter.position)]
            await self.append_again(projection, new)

    async def append_again(self, projection: str, letters: Sequence[DeadLetter]) -> None:
        """Append all letters or none, also of records that have one; as `append`."""
        if letters:
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
