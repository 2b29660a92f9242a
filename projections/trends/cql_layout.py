"""Says how trends lie in CQL: tables and statements, how counts are packed, on which shelf a topic stands.

`volumes` holds the counts of a topic in a place on a day, the hours that begin on it and the day's own, in one value a
log partition: a cell (infra.cql.cells) of up to 97 pairs of numbers, so that a use costs one row a place.

`shelves` lists topics by the power of two that their count has reached, so that those with the most are found without
reading the others. A topic is put on a shelf by whoever sees the sum of all cells reach it, and is never taken off the
lower ones. Low shelves, where many topics are, are cut into buckets; reading is bounded by SHELF_ROWS of each.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING
from zlib import crc32

from projections.trends.read_model import DAY_MS, DAYS_KEPT_MS, HOUR_MS, HOURS_KEPT_MS, LEAST_AUTHORS, STEP_MS, day_of
from schemas.ids import LOW_BITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SAID_SECONDS = 30 * 86_400
"""How long a use is there to be recognised (USES_KEPT_MS by the log): a store that stood still may be so late."""
TWEETS_SECONDS = 3 * 86_400
BUCKETS = 8
"""Of a topic's tweets of an hour: 222 a second are 100,000 rows in each."""
SHELF_ROWS = 1_000
HIGHEST = 24
"""Shelf of 16 million authors an hour."""

BY_AUTHORS_OF_HOUR, BY_USES_OF_DAY, BY_AUTHORS_OF_DAY = 0, 1, 2
"""Kinds of shelves."""
_LOWEST = {BY_AUTHORS_OF_HOUR: LEAST_AUTHORS, BY_USES_OF_DAY: 1, BY_AUTHORS_OF_DAY: LEAST_AUTHORS}
_BUCKETS_OF_1 = {BY_AUTHORS_OF_HOUR: 16, BY_USES_OF_DAY: 64, BY_AUTHORS_OF_DAY: 64}
_SECONDS = {BY_AUTHORS_OF_HOUR: HOURS_KEPT_MS // 1000, BY_USES_OF_DAY: DAYS_KEPT_MS // 1000}

Pair = tuple[int, int]
"""Uses and authors."""
Counts = dict[int, Pair]
"""By slot: the number of the quarter of an hour at which an hour begins, or THE_DAY."""
THE_DAY = DAY_MS // STEP_MS
_ENTRY = struct.Struct(">BII")

TABLES: Mapping[str, str] = {
    "said": f"""(
        author_id bigint, day_ms bigint, topic text, tweet_id bigint, place int, at_ms bigint, reached_ms bigint,
        PRIMARY KEY ((author_id, day_ms), topic, tweet_id)) WITH default_time_to_live = {SAID_SECONDS}""",
    "volumes": f"""(
        place int, topic text, day_ms bigint, source text, counts blob,
        PRIMARY KEY ((place, topic), day_ms, source)) WITH default_time_to_live = {DAYS_KEPT_MS // 1000}""",
    "shelves": "(place int, began_ms bigint, shelf int, topic text, PRIMARY KEY ((place, began_ms, shelf), topic))",
    "tagged": f"""(
        topic text, hour_ms bigint, bucket int, tweet_id bigint, at_ms bigint,
        PRIMARY KEY ((topic, hour_ms, bucket), tweet_id))
        WITH CLUSTERING ORDER BY (tweet_id DESC) AND default_time_to_live = {TWEETS_SECONDS}""",
    "reached": "(source text PRIMARY KEY, reached_ms bigint)",
}

PUT_SAID = (
    "INSERT INTO said{g} (author_id, day_ms, topic, tweet_id, place, at_ms, reached_ms) VALUES (?, ?, ?, ?, ?, ?, ?)"
    " USING TIMESTAMP ?"
)
PUT_VOLUME = "INSERT INTO volumes{g} (place, topic, day_ms, source, counts) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?"
DROP_VOLUME = "DELETE FROM volumes{g} USING TIMESTAMP ? WHERE place = ? AND topic = ? AND day_ms = ? AND source = ?"
FORGET_SAID = "DELETE FROM said{g} USING TIMESTAMP ? WHERE author_id = ? AND day_ms = ?"
TAKE_OFF_SHELF = "DELETE FROM shelves{g} USING TIMESTAMP 1 WHERE place = ? AND began_ms = ? AND shelf = ? AND topic = ?"
PUT_ON_SHELF = "INSERT INTO shelves{g} (place, began_ms, shelf, topic) VALUES (?, ?, ?, ?) USING TIMESTAMP 1 AND TTL ?"
PUT_TAGGED = "INSERT INTO tagged{g} (topic, hour_ms, bucket, tweet_id, at_ms) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?"
DROP_TAGGED = "DELETE FROM tagged{g} USING TIMESTAMP ? WHERE topic = ? AND hour_ms = ? AND bucket = ? AND tweet_id = ?"
PUT_REACHED = "INSERT INTO reached{g} (source, reached_ms) VALUES (?, ?) USING TIMESTAMP ?"

SAID = (
    "SELECT topic, tweet_id, author_id, place, at_ms, WRITETIME(reached_ms), reached_ms FROM said{g}"
    " WHERE author_id IN ? AND day_ms = ?"
)
CELLS = (
    "SELECT topic, counts, WRITETIME(counts) FROM volumes{g}"
    " WHERE place = ? AND topic IN ? AND day_ms = ? AND source = ?"
)
VOLUMES = "SELECT topic, day_ms, counts FROM volumes{g} WHERE place = ? AND topic IN ? AND day_ms >= ? AND day_ms <= ?"
ON_SHELVES = "SELECT shelf, topic FROM shelves{g} WHERE place = ? AND began_ms = ? AND shelf IN ? PER PARTITION LIMIT ?"
TAGGED = (
    "SELECT tweet_id, at_ms FROM tagged{g} WHERE topic = ? AND hour_ms = ?"
    f" AND bucket IN ({', '.join(map(str, range(BUCKETS)))}) PER PARTITION LIMIT ?"
)
REACHED = "SELECT reached_ms, WRITETIME(reached_ms) FROM reached{g} WHERE source = ?"


def slot_of(length_ms: int, began_ms: int) -> tuple[int, int]:
    """Return on which day an hour or a day begins, and which of its slots it is."""
    day_ms = day_of(began_ms)
    return day_ms, THE_DAY if length_ms == DAY_MS else (began_ms - day_ms) // STEP_MS


def packed(counts: Mapping[int, Pair]) -> bytes:
    """Return counts as a value of `volumes`."""
    return b"".join(_ENTRY.pack(slot, *pair) for slot, pair in sorted(counts.items()))


def unpacked(value: bytes) -> Counts:
    """Return the counts of a value."""
    return {slot: (uses, authors) for slot, uses, authors in _ENTRY.iter_unpack(value)}


def total(values: Iterable[bytes], slot: int) -> Pair | None:
    """Return the sum of a slot over cells, or None where no cell has it."""
    uses = authors = 0
    number = bytes((slot,))
    for value in values:
        at = value[:: _ENTRY.size].find(number)
        if at >= 0:
            _, more_uses, more_authors = _ENTRY.unpack_from(value, at * _ENTRY.size)
            uses, authors = uses + more_uses, authors + more_authors
    return (uses, authors) if uses else None


def shelves_of(topic: str, slot: int, pair: Pair) -> list[tuple[int, int]]:
    """Return on which shelves a topic belongs by a count, each with how long it is listed there, in seconds."""
    uses, authors = pair
    counts = {BY_AUTHORS_OF_HOUR: authors}
    if slot == THE_DAY:
        counts = {BY_USES_OF_DAY: uses, BY_AUTHORS_OF_DAY: authors}
    return [
        (_shelf(kind, level := n.bit_length() - 1, crc32(topic.encode()) % _buckets(kind, level)), _seconds(kind))
        for kind, n in counts.items()
        if n >= _LOWEST[kind]
    ]


def shelves_below(topic: str, slot: int, pair: Pair) -> list[int]:
    """Return every shelf on which a topic may stand that has come to a count and no further."""
    of_this = [
        (n, m) for n in range(pair[0] + 1) for m in range(pair[1] + 1) if n.bit_count() <= 1 and m.bit_count() <= 1
    ]
    return sorted({shelf for counts in of_this for shelf, _ in shelves_of(topic, slot, counts)})


def level_of(shelf: int) -> int:
    """Return the power of two that topics on a shelf have reached."""
    return shelf // 100 % 100


def shelves(kind: int, levels: Iterable[int]) -> list[int]:
    """Return all shelves of these levels that are in use."""
    lowest = _LOWEST[kind].bit_length() - 1
    return [
        _shelf(kind, level, bucket) for level in levels if level >= lowest for bucket in range(_buckets(kind, level))
    ]


def _shelf(kind: int, level: int, bucket: int) -> int:
    return (kind * 100 + min(level, HIGHEST)) * 100 + bucket


def _buckets(kind: int, level: int) -> int:
    return max(1, _BUCKETS_OF_1[kind] >> level)


def _seconds(kind: int) -> int:
    return _SECONDS[min(kind, BY_USES_OF_DAY)]


def hour_of(at_ms: int) -> int:
    """Return when the hour by the clock began that a time is in."""
    return at_ms - at_ms % HOUR_MS


def bucket_of(tweet_id: int) -> int:
    """Return the bucket of a tweet: by its millisecond, for the lower bits name the worker that posted it."""
    return (tweet_id >> LOW_BITS) % BUCKETS
