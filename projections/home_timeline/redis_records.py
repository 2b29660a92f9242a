"""Turns the projector's writes into the records that scripts take, by shard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from projections.home_timeline import projector
from projections.home_timeline.redis_layout import record, reference

if TYPE_CHECKING:
    from collections.abc import Iterable

    from projections.home_timeline.redis_layout import Layout


class Packed(NamedTuple):
    """The writes of a span: to what is kept with authors and with readers, by shard, and to every shard's timelines."""

    authors: dict[int, bytes]
    readers: dict[int, bytes]
    timelines: bytes
    latest_ms: int

    def delivered(self, shard: int) -> bytes:
        """Return what one shard's readers and timelines are told."""
        mine = self.readers.get(shard)
        return mine + self.timelines if mine else self.timelines


def pack(writes: Iterable[Any], layout: Layout, *, opening: bool) -> Packed:
    """Return the records of the writes; without `opening` no timeline is pushed to at all.

    Raises struct.error for what is no id.
    """
    authors: dict[int, bytearray] = {}
    readers: dict[int, bytearray] = {}
    timelines = bytearray()
    latest = 0
    for write in writes:
        match write:
            case projector.PushEntry() | projector.RetractEntry():
                timelines += _entry(write)
            case projector.PutEntry() | projector.RemoveEntry():
                authors.setdefault(layout.shard(write.author_id), bytearray()).extend(_entry(write))
            case projector.AddFollow(reader, author) | projector.RemoveFollow(reader, author):
                relation = record(b"f" if isinstance(write, projector.AddFollow) else b"u", reader, author)
                authors.setdefault(layout.shard(author), bytearray()).extend(relation)
                readers.setdefault(layout.shard(reader), bytearray()).extend(relation)
            case projector.OpenTimeline(reader, seen_ms) if opening:
                readers.setdefault(layout.shard(reader), bytearray()).extend(record(b"o", reader, seen_ms))
            case projector.CloseLapsed(latest_ms):
                latest = max(latest, latest_ms)
            case _:
                pass  # TrimAudience: a push trims the timelines that it finds full
    return Packed(_whole(authors), _whole(readers), bytes(timelines), latest)


def _whole(records: dict[int, bytearray]) -> dict[int, bytes]:
    return {shard: bytes(those) for shard, those in records.items()}


def _entry(write: Any) -> bytes:
    if isinstance(write, projector.RemoveEntry | projector.RetractEntry):
        return record(b"r", write.tweet_id, write.author_id)
    return record(b"p", write.tweet_id, write.author_id, reference(write.original_id, write.parent_author_id))
