"""Tries the dead letters of a projection again: after a fix, what could not be applied may be.

Consumes:   dead-letters, of one projection
Writes:     the projection's store; a new letter for what is refused again
Guarantee:  each letter is tried once: letters are a topic like any other, with a checkpoint of their own in the store
Rebuild:    not needed for what commutes; a letter is applied after later events of its key, so where order matters
            (a profile edited twice) rebuild the projection instead
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from infra.log.port import Position, Span, TopicPartition
from infra.projections import RejectedWriteError
from schemas.catalogue import DEAD_LETTERS
from schemas.codec import DecodeError, decode
from schemas.operations.events import DeadLettered
from streams.dead_letters import DeadLetter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from infra.log.port import LogReader
    from infra.projections import ProjectionStore
    from schemas.envelope import Event
    from streams.dead_letters import DeadLetters

READ_RECORDS = 500


class Retried(NamedTuple):
    """How many letters were applied, and how many were refused again."""

    applied: int
    refused: int


async def retry(
    name: str,
    project: Callable[[Sequence[Event]], Sequence[Any]],
    store: ProjectionStore,
    log: LogReader,
    dead_letters: DeadLetters | None,
) -> Retried:
    """Try every letter of the projection that was not tried yet; raises StoreUnavailableError where the store is.

    `dead_letters` takes what is refused again; None where another generation's letter stands for it.
    """
    applied = refused = 0
    for span, letter in list(_untried(store, log)):  # a list: letters written on the way are for another time
        if letter is None or letter.projection != name:
            store.apply((), span)
            continue
        try:
            store.apply(project([decode(letter.record)]), span)
            applied += 1
        except (DecodeError, RejectedWriteError) as error:
            position = Position(letter.topic, letter.partition, letter.offset)
            if dead_letters is not None:
                await dead_letters.append_again(name, [DeadLetter(position, f"again: {error}", letter.record)])
            store.apply((), span)
            refused += 1
    return Retried(applied, refused)


def _untried(store: ProjectionStore, log: LogReader) -> Iterator[tuple[Span, DeadLettered | None]]:
    """Yield each record of the topic behind the store's checkpoint; None where it is no letter that can be read."""
    done = store.checkpoints()
    for partition in range(log.partitions(DEAD_LETTERS)):
        offset = done.get(TopicPartition(DEAD_LETTERS, partition), 0)
        while batch := log.read(DEAD_LETTERS, partition, offset, READ_RECORDS):
            for at, value in enumerate(batch.values, offset):
                yield Span(DEAD_LETTERS, partition, at, at + 1), _letter(value)
            offset = batch.next_offset


def _letter(value: bytes) -> DeadLettered | None:
    try:
        event = decode(value)
    except DecodeError:
        return None
    return event if isinstance(event, DeadLettered) else None
