"""Reads home timelines from Redis: pushed entries above the reader's horizon, outboxes of celebrities, pull below.

Guarantee:  what is said of the viewer (follows, timeline, horizon, celebrities) is one moment of its shard; outboxes
            are read after it. Pushed or pulled, the list is the same. A viewer of whom Redis knows nothing — it was
            lost and is being rebuilt — sees what is there again, at worst an empty page, and no error

Bytes sort as ids do: a merge is a sort of byte strings, and no number is read before the page is known. The whole list
is fetched: it is in the order of arrival, and nothing bounds how far that is from the order of ids.
"""

from __future__ import annotations

from bisect import bisect_left
from heapq import merge, nlargest
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, Self

from infra.log.port import TopicPartition
from infra.redis_primaries import READER_SECONDS, Command, Primaries
from projections.home_timeline.redis_layout import (
    SCHEMA_VERSION,
    SHARDS,
    Layout,
    entry,
    packed,
    read_checkpoints,
    unpacked,
)
from schemas.ids import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence


class Known(NamedTuple):
    """What a shard knows of a viewer; `horizon` is None for whom entries are not pushed to (or not yet)."""

    follows: bytes
    celebrities: set[int]
    horizon: int | None
    home: list[bytes]


class RedisHomeTimelineReader:
    """Home timelines by viewer, with a user of Redis that may only read."""

    SCHEMA_VERSION = SCHEMA_VERSION

    def __init__(
        self, urls: Sequence[str], *, shards: int = SHARDS, generation: int = 1, primaries: Primaries | None = None
    ) -> None:
        """Connect; `primaries` are connections that are there, and their owner's to close."""
        self._layout = Layout(shards, generation)
        self._own = primaries is None
        self._primaries = primaries or Primaries(urls, seconds=READER_SECONDS)

    @classmethod
    def over(cls, primaries: Primaries, shards: int, generation: int) -> Self:
        """Return the reader of a generation over connections that are there."""
        return cls((), shards=shards, generation=generation, primaries=primaries)

    def page(self, viewer_id: int, max_id: int | None, limit: int) -> list[int]:
        """Return the newest tweets below `max_id` (exclusive; None: from the newest), newest first, each once.

        Fewer than `limit` mean that the timeline ends there.
        """
        below = MAX_ID if max_id is None else max_id
        known = self._known(viewer_id)
        plain, heard, last = len(packed(0)) * 2, None, b""
        ids: list[bytes] = []
        for found in self._candidates(viewer_id, known, below, limit):
            if found == last:
                continue  # pushed twice
            last = found
            if len(found) > plain:
                if heard is None:
                    heard = {0, viewer_id, *unpacked(known.follows)}
                it = entry(found)
                if it.parent_author_id not in heard and it.author_id != viewer_id:
                    continue
            ids.append(found[:8])
            if len(ids) == limit:
                break
        return unpacked(b"".join(ids))

    def is_pushed(self, viewer_id: int) -> bool:
        """Tell whether entries are pushed to the viewer (for operators and tests: answers do not show it)."""
        return self._known(viewer_id).horizon is not None

    def checkpoints(self) -> dict[TopicPartition, int]:
        """Return, per partition, the offset up to which (exclusive) records are applied in all shards.

        Raises WrongSpanError where the store has another number of shards, of which `page` would give what it finds.
        """
        return read_checkpoints(self._primaries, self._layout)

    def next_offset(self, topic: str, partition: int) -> int:
        """Return the offset up to which (exclusive) records of one partition are applied in all shards."""
        return self.checkpoints().get(TopicPartition(topic, partition), 0)

    def close(self) -> None:
        """Close the connections that are its own."""
        if self._own:
            self._primaries.close()

    def _known(self, viewer_id: int) -> Known:
        layout, shard, viewer = self._layout, self._layout.shard(viewer_id), packed(viewer_id)
        words = (
            ("GET", layout.of_user("follows", viewer_id)),
            ("GET", layout.of_shard("celebrities", shard)),
            ("HGET", layout.of_shard("horizons", shard), viewer),
            ("EXISTS", layout.of_user("unfilled", viewer_id)),
            ("LRANGE", layout.of_user("home", viewer_id), 0, -1),
        )
        follows, celebrities, horizon, unfilled, home = self._primaries.run(
            [Command(shard, it) for it in words], at_once=True
        )
        pushed = horizon is not None and not unfilled
        return Known(
            follows or b"",
            set(unpacked(celebrities or b"")),
            int.from_bytes(horizon, "big") if pushed else None,
            home,
        )

    def _candidates(self, viewer_id: int, known: Known, below: int, chunk: int) -> Iterator[bytes]:
        """Return entries, newest first; some may come twice, one after the other."""
        if known.horizon is None or below <= known.horizon + 1:
            return self._older(viewer_id, known, below, chunk)
        pushed = self._pushed(viewer_id, known, known.horizon, below, chunk)
        return chain(pushed, self._older(viewer_id, known, known.horizon + 1, chunk))

    def _older(self, viewer_id: int, known: Known, below: int, chunk: int) -> Iterator[bytes]:
        if below > 0:
            yield from self._pulled({viewer_id, *unpacked(known.follows)}, below, 0, chunk)

    def _pushed(self, viewer_id: int, known: Known, horizon: int, below: int, chunk: int) -> Iterator[bytes]:
        known.home.sort()  # as good as sorted
        entries = known.home[bisect_left(known.home, packed(horizon + 1)) : bisect_left(known.home, packed(below))]
        celebrities = known.celebrities and known.celebrities & {viewer_id, *unpacked(known.follows)}
        if not celebrities:
            return reversed(entries)
        # what was pushed before its author became one is in the outbox too, and only there it is retracted
        names = set(map(packed, celebrities))
        others = (it for it in reversed(entries) if it[8:16] not in names)
        return merge(others, self._pulled(celebrities, below, horizon + 1, chunk), reverse=True)

    def _pulled(self, authors: Collection[int], below: int, floor: int, chunk: int) -> Iterator[bytes]:
        """Merge outboxes, newest first, in two round trips a chunk.

        The chunk-th newest of the authors' newest entries bounds a chunk from below: at least `chunk` entries stand at
        or above it, and only authors whose newest entry does can have one there.
        """
        while True:
            newest = self._ranges(authors, below, packed(floor), 1)
            heads = [(found[0], author) for author, found in zip(authors, newest, strict=True) if found]
            if not heads:
                return
            bound = packed(floor) if len(heads) <= chunk else nlargest(chunk, heads)[-1][0]
            asked = [author for head, author in heads if head >= bound]
            page = [it for found in self._ranges(asked, below, bound, chunk) for it in found]
            page.sort(reverse=True)
            del page[chunk:]
            yield from page
            below = int.from_bytes(page[-1][:8], "big")
            authors = [author for _, author in heads]

    def _ranges(self, authors: Collection[int], below: int, bound: bytes, limit: int) -> list[list[bytes]]:
        """Return of each author the newest entries from `bound` to below `below`."""
        high, low = b"(" + packed(below), b"[" + bound
        keys = [(self._layout.shard(author), self._layout.of_user("outbox", author)) for author in authors]
        words = ("BYLEX", "REV", "LIMIT", 0, limit)
        return self._primaries.run([Command(shard, ("ZRANGE", key, high, low, *words)) for shard, key in keys])
