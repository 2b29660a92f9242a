"""Takes outboxes into the timelines of readers who were opened or have followed somebody.

Guarantee:  whoever is marked `unfilled` in the shard is filled or still marked; filling again changes nothing
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.redis_primaries import Command
from projections.home_timeline import redis_reader_scripts as reader_scripts
from projections.home_timeline.redis_layout import packed, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from projections.home_timeline.redis_layout import Layout

READERS_AT_ONCE = 50  # some thousand outboxes a round trip


class Fills:
    """Fills the marked readers of shards."""

    def __init__(
        self, layout: Layout, run: Callable[..., list[Any]], script: Callable[..., Command], cap: int, per_author: int
    ) -> None:
        self._layout = layout
        self._run = run
        self._script = script
        self._cap = cap
        self._per_author = per_author

    def run(self, shards: Iterable[int]) -> None:
        """Fill whoever is marked in these shards."""
        named = list(shards)
        marked = self._run([Command(shard, ("SMEMBERS", self._layout.of_shard("unfilling", shard))) for shard in named])
        readers = [(shard, reader) for shard, members in zip(named, marked, strict=True) for reader in members]
        for first in range(0, len(readers), READERS_AT_ONCE):
            self._fill(readers[first : first + READERS_AT_ONCE])

    def _fill(self, readers: list[tuple[int, bytes]]) -> None:
        keys = [(shard, self._layout.of_shard("unfilled", shard) + reader) for shard, reader in readers]
        waiting = [ids or b"" for ids in self._run([Command(shard, ("GET", key)) for shard, key in keys])]
        limits = [self._cap if len(ids) == len(packed(0)) else self._per_author for ids in waiting]
        outboxes = iter(
            self._run(
                [
                    self._newest(author, limit)
                    for ids, limit in zip(waiting, limits, strict=True)
                    for author in unpacked(ids)
                ]
            )
        )
        fills = []
        for (shard, reader), ids, limit in zip(readers, waiting, limits, strict=True):
            taken = [next(outboxes) for _ in unpacked(ids)]
            entries, horizon = _merged(taken, limit, self._cap)
            fills.append(self._script(reader_scripts.FILL, shard, reader, ids, packed(horizon), self._cap, *entries))
        self._run(fills)

    def _newest(self, author: int, limit: int) -> Command:
        key = self._layout.of_user("outbox", author)
        return Command(self._layout.shard(author), ("ZRANGE", key, "+", "-", "BYLEX", "REV", "LIMIT", 0, limit))


def _merged(outboxes: list[list[bytes]], limit: int, cap: int) -> tuple[list[bytes], int]:
    """Return the newest entries of all, and the id above which they are all there is."""
    horizon = 0
    for outbox in outboxes:
        if len(outbox) == limit:
            horizon = max(horizon, int.from_bytes(outbox[-1][:8], "big") - 1)
    entries = sorted((entry for outbox in outboxes for entry in outbox), reverse=True)
    if len(entries) > cap:
        horizon = max(horizon, int.from_bytes(entries[cap][:8], "big"))
    return [entry for entry in entries[:cap] if int.from_bytes(entry[:8], "big") > horizon], horizon
