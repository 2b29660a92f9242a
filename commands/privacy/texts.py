"""Has what an account wrote to moderators forgotten: comments of its reports, its appeals."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from infra.journal.port import Commit
from schemas import codec
from schemas.catalogue import MODERATION
from schemas.moderation.events import Appealed, ReportFiled, TextErased

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commands.decision import Stamp
    from commands.services import Services
    from infra.erasing.port import Copies
    from infra.log.port import LogReader
    from schemas.envelope import Event

READ_RECORDS = 2_000
AT_ONCE = 500


async def erase(services: Services, user_id: int, stamp: Stamp) -> None:
    """Say it, of each subject; said again it changes nothing. Reads the topic of moderation."""
    found = await asyncio.to_thread(_written, services.privacy.copies, user_id)
    said: list[Event] = [TextErased(stamp.envelope(), subject, user_id, *which) for subject, which in found.items()]
    for first in range(0, len(said), AT_ONCE):
        await services.journal.commit(Commit(tuple(said[first : first + AT_ONCE]), (), (), 200, b"", None))


def _written(copies: Copies, user_id: int) -> dict[int, tuple[bool, bool]]:
    """Return the subjects about which the account wrote: in a report, in an appeal."""
    found: dict[int, tuple[bool, bool]] = {}
    with copies.log() as log:
        for event in _events(log):
            if isinstance(event, ReportFiled) and event.reporter_id == user_id:
                found[event.subject_id] = (True, found.get(event.subject_id, (False, False))[1])
            elif isinstance(event, Appealed) and event.user_id == user_id:
                found[event.subject_id] = (found.get(event.subject_id, (False, False))[0], True)
    return found


def _events(log: LogReader) -> Iterator[Event]:
    for partition in range(log.partitions(MODERATION)):
        offset = 0
        while batch := log.read(MODERATION, partition, offset, READ_RECORDS):
            yield from map(codec.decode, batch.values)
            offset = batch.next_offset
