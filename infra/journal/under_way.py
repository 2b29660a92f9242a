"""Which intents may be unfinished: each process notes them in slots of its own, so that a sweep finds a dead one's.

A slot is used again by the next commit, so the table has a row for each commit that a process ever had under way at
once, not one a commit. Rows are plain writes; they go after a day.
"""

from __future__ import annotations

import secrets
from heapq import heappop, heappush
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.cql.session import CqlSession
    from infra.journal.intents import Intent

SHARDS = 16  # partitions: some hundred rows each for a hundred processes
_KEPT_SECONDS = 86_400
_NOTE = f"""INSERT INTO under_way (shard, runner, slot, intent, at_ms) VALUES (?, ?, ?, ?, ?)
            USING TTL {_KEPT_SECONDS}"""
_READ = "SELECT shard, runner, slot, intent, at_ms, WRITETIME(intent) FROM under_way WHERE shard = ?"
_DROP = "DELETE FROM under_way USING TIMESTAMP ? WHERE shard = ? AND runner = ? AND slot = ?"


class Noted(NamedTuple):
    """One slot as it was read."""

    shard: int
    runner: str
    slot: int
    intent: bytes
    at_ms: int
    written_at: int


class UnderWay:
    """The slots of this process, and everybody's for the sweep."""

    def __init__(self, session: CqlSession) -> None:
        self._session = session
        self._runner = secrets.token_hex(8)
        self._shard = int(self._runner, 16) % SHARDS
        self._free: list[int] = []
        self._slots = 0

    def note(self, intent: Intent) -> int:
        """Write down, before anything refers to the intent, that it may be unfinished; return its slot."""
        slot = heappop(self._free) if self._free else self._slots
        self._slots = max(self._slots, slot + 1)
        self._session.run(_NOTE, (self._shard, self._runner, slot, intent.id, intent.at_ms))
        return slot

    def done(self, slot: int) -> None:
        """Use the slot again."""
        heappush(self._free, slot)

    def older_than(self, at_ms: int) -> Iterator[Noted]:
        """Yield what any process noted before that time and has not written over."""
        for shard in range(SHARDS):
            noted = (Noted(*row) for row in self._session.run(_READ, (shard,)))
            yield from [it for it in noted if it.at_ms < at_ms]

    def drop(self, noted: Noted) -> None:
        """Forget a slot as it was read: what was written into it since stays."""
        self._session.run(_DROP, (noted.written_at, noted.shard, noted.runner, noted.slot))
