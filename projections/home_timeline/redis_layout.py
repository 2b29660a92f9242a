"""Where home timelines stand in Redis: shards, names of keys, and the bytes of ids, entries, records and fences.

All numbers are big-endian, so that bytes sort as ids do. A user belongs to one shard, for ever:

  of an author                                          of a reader
  outbox     author → entries (zset, score 0: by id)    home       reader → entries, as they came (list)
  followers  author → readers, until it is a celebrity  follows    reader → authors
                                                        audience   author → the live readers *of this shard*
  of a shard                                            unfilled   reader → authors whose outbox is still to be taken in
  applied    topic and partition → fences (hash)        horizons   reader → id above which `home` is complete (hash)
  celebrities  all of them                              seen       reader → last seen, event time: the live ones (zset)
  store      what the shard was built from              unfilling  readers with an `unfilled` (set)
  retracted  entries retracted while it is not empty (set)

Sets of ids that are walked or sent whole are strings of 8 bytes an id, sorted: they cost no more than their bytes, and
a place in one is an id, which holds while others come and go.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from infra.log.port import TopicPartition
from infra.projections import WrongSpanError
from infra.redis_primaries import Command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.redis_primaries import Primaries

SCHEMA_VERSION = 1
SHARDS = 4  # logical, and the most primaries there can be; fixed for the life of a generation
PARENT = 1 << 63  # marks the third number of an entry as the parent's author rather than the original
RECORD_BYTES = 25  # kind, two ids, a third number or 0
MARK_BYTES = 17  # what names a record: kind and two ids

_ID = struct.Struct(">Q")
_PAIR = struct.Struct(">QQ")
_TRIPLE = struct.Struct(">QQQ")
_RECORD = struct.Struct(">cQQQ")
_FENCE = struct.Struct(">QI17s8s")

OF_AUTHORS = b"a:"  # before a partition's name: the fence of what is kept with authors
NO_FENCE = bytes(_FENCE.size)
SHARDS_WORD = b" shards "  # before their number, in what `store` says
ABOVE_ALL_WITH_PREFIX = b"\xff" * 17


class Entry(NamedTuple):
    """One line of a timeline. What does not apply is 0: `original_id` of a retweet, `parent_author_id` of a reply."""

    tweet_id: int
    author_id: int
    original_id: int
    parent_author_id: int


class Fence(NamedTuple):
    """How far a shard is with a partition.

    Records below `offset` are applied, and `ahead` writes of those that follow; `mark` names the last of them;
    `cursor` is the reader to whom the one after it has come, or zeros.
    """

    offset: int
    ahead: int
    mark: bytes
    cursor: bytes

    @classmethod
    def unpack(cls, stored: bytes) -> Fence:
        """Read it."""
        return cls(*_FENCE.unpack(stored))


class Layout:
    """The names of the keys of one generation."""

    def __init__(self, shards: int = SHARDS, generation: int = 1) -> None:
        self.shards = shards
        self.generation = f":g{generation}:".encode()

    def claim(self, log_id: str, schema_version: int) -> bytes:
        """Return what `store` says: what the shards are built from, and how many there are."""
        return f"{log_id} schema {schema_version}".encode() + SHARDS_WORD + b"%d" % self.shards

    def shard(self, user_id: int) -> int:
        """Return the shard of a user: multiplied, because ids of one millisecond differ in few bits."""
        return ((user_id * 0x9E3779B97F4A7C15) >> 40) % 0x1000000 % self.shards

    def tag(self, shard: int) -> bytes:
        """Return what every key of the shard begins with."""
        return b"{%d}:" % shard

    def of_shard(self, kind: str, shard: int) -> bytes:
        """Return the key of which a shard has one."""
        return self.tag(shard) + kind.encode() + self.generation

    def of_user(self, kind: str, user_id: int) -> bytes:
        """Return the key of which each user has one, in the user's shard."""
        return self.of_shard(kind, self.shard(user_id)) + packed(user_id)

    def script(self, name: str, shard: int, *words: Any) -> Command:
        """Return the call of a script that was loaded, over one shard: each begins with the same arguments."""
        return Command(
            shard, ("EVALSHA", name, 1, self.of_shard("applied", shard), self.tag(shard), self.generation, *words)
        )


def packed(number: int) -> bytes:
    """Return the bytes of an id."""
    return _ID.pack(number)


def unpacked(ids: bytes) -> list[int]:
    """Return the ids of a packed set."""
    return [number for (number,) in _ID.iter_unpack(ids)]


def record(kind: bytes, first: int, second: int, third: int = 0) -> bytes:
    """Return a write as scripts take it; raises struct.error for what no id can be."""
    if not (0 <= first < PARENT and 0 <= second < PARENT):
        raise struct.error("an id has 63 bits")
    return _RECORD.pack(kind, first, second, third)


def reference(original_id: int, parent_author_id: int) -> int:
    """Return the third number of an entry: a retweet has an original, a reply a parent, nothing has both."""
    if not (0 <= original_id < PARENT and 0 <= parent_author_id < PARENT) or (original_id and parent_author_id):
        raise struct.error("an entry has an original or a parent's author, not both, of 63 bits")
    return original_id or (PARENT | parent_author_id if parent_author_id else 0)


def entry(stored: bytes) -> Entry:
    """Read an entry: 16 bytes, or 24 where it refers to something."""
    if len(stored) == _PAIR.size:
        tweet, author = _PAIR.unpack(stored)
        return Entry(tweet, author, 0, 0)
    tweet, author, third = _TRIPLE.unpack(stored)
    return Entry(tweet, author, 0, third ^ PARENT) if third & PARENT else Entry(tweet, author, third, 0)


def records(blob: bytes) -> Iterator[bytes]:
    """Return the records of a blob."""
    return (blob[at : at + RECORD_BYTES] for at in range(0, len(blob), RECORD_BYTES))


def read_checkpoints(primaries: Primaries, layout: Layout) -> dict[TopicPartition, int]:
    """Return, per partition, the least offset of all shards: of what is kept with authors and with readers.

    Raises WrongSpanError where the store has another number of shards: users would be looked for in wrong ones.
    """
    shards = range(layout.shards)
    asked = [("HGETALL", "applied"), ("GET", "store")]
    answers = primaries.run([Command(it, (word, layout.of_shard(kind, it))) for word, kind in asked for it in shards])
    for claim in answers[layout.shards :]:
        if claim is not None and (there := int(claim.rpartition(SHARDS_WORD)[2])) != layout.shards:
            raise WrongSpanError(f"home timelines are in {there} shards, redis_shards is {layout.shards}")
    offsets: dict[TopicPartition, list[int]] = {}
    for fences in answers[: layout.shards]:
        flat = fences.items() if isinstance(fences, dict) else zip(fences[::2], fences[1::2], strict=True)
        for field, fence in flat:
            topic, _, number = field.removeprefix(OF_AUTHORS).decode().rpartition(":")
            offsets.setdefault(TopicPartition(topic, int(number)), []).append(unpacked(fence[:8])[0])
    return {partition: min(those) for partition, those in offsets.items() if len(those) == 2 * layout.shards}
