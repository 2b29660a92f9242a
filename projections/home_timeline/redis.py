"""Home timelines in Redis: the same law as in SQLite, over logical shards on one or many primaries.

Consumes:   the writes of projector.py
Writes:     the keys of redis_layout.py, by the scripts of redis_scripts.py and redis_reader_scripts.py
Guarantee:  each shard has a fence per (topic, partition), compared and moved in the script that makes the writes, with
            how far it is inside a span: what is cut off anywhere — between shards, in the middle of an audience — goes
            on there, and every entry is pushed once. The checkpoint is the least of the shards'; what comes again to a
            shard that is ahead changes nothing there. A process that lost its partition to another cannot write: its
            fence is not the shard's. An entry is pushed twice only if the log holds its fact twice, or if a reader's
            fill ran beside its push in another process; reads show it once.
Rebuild:    empty Redis (or lose it): without fences everything begins at 0

What keeps the order without locks, for many processes at once: a tweet goes to its outbox first, then to audiences; a
follow joins the audience first, then takes in the outbox. Until an outbox is taken in, the reader is marked `unfilled`
and reads pull; the marks are taken up again after any trouble. Outboxes are kept whole, so pulling has no end.
What is retracted in a shard between the reading of outboxes and the filling is remembered there, and not filled in.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from redis.exceptions import NoScriptError

from infra.projections import RejectedWriteError, WrongSpanError
from infra.redis_primaries import Command, Primaries
from projections.home_timeline import redis_reader_scripts as reader_scripts
from projections.home_timeline import redis_scripts as scripts
from projections.home_timeline.read_model import FILL_PER_AUTHOR, TIMELINE_CAP_ENTRIES, TRIM_ONE_IN
from projections.home_timeline.redis_fills import Fills
from projections.home_timeline.redis_layout import (
    MARK_BYTES,
    NO_FENCE,
    OF_AUTHORS,
    RECORD_BYTES,
    SCHEMA_VERSION,
    SHARDS,
    Fence,
    Layout,
    packed,
    read_checkpoints,
    records,
    unpacked,
)
from projections.home_timeline.redis_records import pack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.log.port import Span, TopicPartition
    from projections.home_timeline.redis_records import Packed

DAY_MS = 86_400_000
FANOUT_CHUNK_PUSHES = 2_000  # of 1 to 2 µs: what a primary does in one round trip, while others wait
LEAST_CHUNK_PUSHES = 500  # a call of its own costs as much as 10
WINDOW_RECORDS = (16, 1_000)  # of 25 bytes: sent again where the chunk ends before them
AUTHOR_RECORDS = 200  # a few µs each


class RedisHomeTimelineStore:
    """A writer of home timelines, the only one of the partitions it is given; limits are parameters for tests."""

    def __init__(
        self,
        urls: Sequence[str],
        log_id: str,
        *,
        celebrity_followers: int,
        active_days: int,
        shards: int = SHARDS,
        generation: int = 1,
        cap: int = TIMELINE_CAP_ENTRIES,
        trim_one_in: int = TRIM_ONE_IN,
        fill_per_author: int = FILL_PER_AUTHOR,
        chunk_pushes: int = 0,
    ) -> None:
        self._layout = Layout(shards, generation)
        self._primaries = Primaries(urls)
        self._names: dict[str, str] = {}
        self._fences: dict[tuple[bytes, int], bytes] = {}
        self._celebrity_followers = celebrity_followers
        self._active_ms = active_days * DAY_MS
        at_once = -(-shards // len(urls))  # shards of a primary
        self._cap, self._slack = cap, trim_one_in
        self._chunk_pushes = chunk_pushes or max(LEAST_CHUNK_PUSHES, FANOUT_CHUNK_PUSHES // at_once)
        self._windows = [WINDOW_RECORDS[0]] * shards
        self._fills = Fills(self._layout, self._run, self._script, cap, fill_per_author)
        self._settled = False
        self._claim(log_id)
        self._lower_threshold()

    def checkpoints(self) -> dict[TopicPartition, int]:
        """Return, per partition, the offset of the next record to apply (absent: 0): the least of all shards'."""
        return read_checkpoints(self._primaries, self._layout)

    def apply(self, writes: Sequence[Any], span: Span) -> None:
        """Apply the writes and move the shards' fences from span.start to span.end; a repeat goes on where it ended.

        Raises RejectedWriteError (then nothing is applied), StoreUnavailableError (then some shards may be ahead: give
        the span again) or WrongSpanError.
        """
        try:
            told = pack(writes, self._layout, opening=self._active_ms > 0)
        except (struct.error, TypeError, ValueError) as error:
            raise RejectedWriteError(f"{type(error).__name__}: {error}") from error
        try:
            self._settle()
            self._tell_authors(told, span)
            self._deliver(told, span)
            if told.readers:
                self._fills.run(told.readers)
            self._close_lapsed(told.latest_ms)
        except BaseException:
            self._settled = False
            self._fences.clear()
            raise

    def close(self) -> None:
        """Close the connections."""
        self._primaries.close()

    def _script(self, text: str, shard: int, *words: Any) -> Command:
        if text not in self._names:
            self._names[text] = self._primaries.load(text)
        return self._layout.script(self._names[text], shard, *words)

    def _run(self, commands: Sequence[Command]) -> list[Any]:
        try:
            return self._primaries.run(commands)
        except NoScriptError:  # Redis was restarted: fences make it safe to send the others again
            for text in self._names:
                self._primaries.load(text)
            return self._primaries.run(commands)

    def _tell_authors(self, told: Packed, span: Span) -> None:
        field = b"%s%s:%d" % (OF_AUTHORS, span.topic.encode(), span.partition)
        ends = (packed(span.start), packed(span.end))
        step = AUTHOR_RECORDS * RECORD_BYTES
        commands = []
        for shard in range(self._layout.shards):
            blob = told.authors.get(shard, b"")
            for at in range(0, max(1, len(blob)), step):
                last = b"1" if at + step >= len(blob) else b"0"
                words = (field, *ends, last, self._celebrity_followers, blob[at : at + step])
                commands.append(self._script(scripts.AUTHORS, shard, *words))
        answers = self._run(commands)
        if -1 in answers:
            raise WrongSpanError(f"{span.topic}/{span.partition}: a shard is not as far as {span.start}")
        if 1 in answers:
            self._spread_fame()

    def _deliver(self, told: Packed, span: Span) -> None:
        """Let every shard work through its records, a chunk a call, all shards in one round trip."""
        field = b"%s:%d" % (span.topic.encode(), span.partition)
        self._read_fences(field, span.start)
        blobs = [told.delivered(it) for it in range(self._layout.shards)]
        places = {shard: self._place(field, shard, blob, span) for shard, blob in enumerate(blobs)}
        done = {shard: place for shard, place in places.items() if place is not None}
        while done:
            commands = [self._chunk(field, shard, at, blobs[shard], span) for shard, at in done.items()]
            for shard, (processed, fence) in zip(list(done), self._run(commands), strict=True):
                self._fences[field, shard] = fence
                self._windows[shard] = min(max(2 * processed, WINDOW_RECORDS[0]), WINDOW_RECORDS[1])
                moved = done[shard] + processed if Fence.unpack(fence).offset < span.end else None
                place = moved if processed >= 0 else self._place(field, shard, blobs[shard], span)
                if place is None:
                    del done[shard]
                else:
                    done[shard] = place

    def _read_fences(self, field: bytes, start: int) -> None:
        """Know the fences; one known from before the partition went to another worker and came back is read again."""
        shards = range(self._layout.shards)
        behind = [it for it in shards if Fence.unpack(self._fences.get((field, it), NO_FENCE)).offset < start]
        missing = [it for it in shards if it in behind or (field, it) not in self._fences]
        asked = [Command(it, ("HGET", self._layout.of_shard("applied", it), field)) for it in missing]
        for shard, fence in zip(missing, self._run(asked), strict=True):
            self._fences[field, shard] = fence or NO_FENCE

    def _place(self, field: bytes, shard: int, blob: bytes, span: Span) -> int | None:
        return _resumed(Fence.unpack(self._fences[field, shard]), blob, span)

    def _chunk(self, field: bytes, shard: int, at: int, blob: bytes, span: Span) -> Command:
        window = blob[at * RECORD_BYTES : (at + self._windows[shard]) * RECORD_BYTES]
        fence = self._fences[field, shard]
        limits = (self._cap, self._slack, self._chunk_pushes)
        counts = (at, len(blob) // RECORD_BYTES)
        return self._script(
            scripts.DELIVER, shard, field, fence, packed(span.start), packed(span.end), *counts, *limits, window
        )

    def _close_lapsed(self, latest_ms: int) -> None:
        before = latest_ms - self._active_ms if self._active_ms else b"+inf"
        shards = list(range(self._layout.shards))
        seen = [
            Command(
                it, ("ZRANGEBYSCORE", self._layout.of_shard("seen", it), b"-inf", b"(%s" % _text(before), "LIMIT", 0, 1)
            )
            for it in shards
        ]
        lapsed = [shard for shard, found in zip(shards, self._run(seen), strict=True) if found]
        while lapsed:
            closed = self._run([self._script(reader_scripts.CLOSE, shard, before) for shard in lapsed])
            lapsed = [shard for shard, count in zip(lapsed, closed, strict=True) if count]

    def _settle(self) -> None:
        """Finish what was begun before trouble, here or in a process that ended."""
        if not self._settled:
            self._spread_fame()
            self._fills.run(range(self._layout.shards))
            self._settled = True

    def _spread_fame(self) -> None:
        """Tell every shard of the celebrities that it does not know."""
        shards = range(self._layout.shards)
        stored = self._run([Command(it, ("GET", self._layout.of_shard("celebrities", it))) for it in shards])
        known = [set(unpacked(ids or b"")) for ids in stored]
        everybody = set().union(*known)
        news = [(shard, b"".join(map(packed, everybody - mine))) for shard, mine in enumerate(known)]
        self._run([self._script(scripts.FAME, shard, ids) for shard, ids in news if ids])

    def _claim(self, log_id: str) -> None:
        """Name in every shard what it is built from; raises WrongSpanError where it is something else."""
        wanted = self._layout.claim(log_id, SCHEMA_VERSION)
        keys = [self._layout.of_shard("store", shard) for shard in range(self._layout.shards)]
        self._run([Command(shard, ("SET", key, wanted, "NX")) for shard, key in enumerate(keys)])
        for stored in self._run([Command(shard, ("GET", key)) for shard, key in enumerate(keys)]):
            if stored != wanted:
                raise WrongSpanError(
                    f"Redis holds {stored.decode()!r}, wanted: {wanted.decode()!r}; "
                    "empty it, or take another generation, to rebuild from the log"
                )

    def _lower_threshold(self) -> None:
        """Whoever has reached the threshold by now becomes a celebrity, and nobody ceases to be one."""
        shards = range(self._layout.shards)
        keys = [self._layout.of_shard("policy", shard) for shard in shards]
        wanted = b"%d" % self._celebrity_followers
        stored = self._run([Command(shard, ("GET", key)) for shard, key in enumerate(keys)])
        for shard, policy in enumerate(stored):
            lowered = policy is not None and int(policy) > self._celebrity_followers > 0
            if lowered and (famous := self._famous(shard)):
                self._run([self._script(scripts.FAME, shard, b"".join(famous))])
            if policy != wanted:
                self._run([Command(shard, ("SET", keys[shard], wanted))])

    def _famous(self, shard: int) -> list[bytes]:
        prefix, cursor, famous = self._layout.of_shard("followers", shard), b"0", []
        while True:
            cursor, keys = self._run([Command(shard, ("SCAN", cursor, "MATCH", prefix + b"*", "COUNT", 1000))])[0]
            sizes = self._run([Command(shard, ("STRLEN", key)) for key in keys])
            famous += [
                key[len(prefix) :]
                for key, size in zip(keys, sizes, strict=True)
                if size // 8 >= self._celebrity_followers
            ]
            if int(cursor) == 0:
                return famous


def _resumed(fence: Fence, blob: bytes, span: Span) -> int | None:
    """Return how many records of the span a shard has done already; None: all of them, and its fence stays."""
    if fence.offset >= span.end:
        return None
    if fence.offset < span.start:
        raise WrongSpanError(f"{span.topic}/{span.partition}: a shard is at {fence.offset}, given {span.start}")
    count = len(blob) // RECORD_BYTES
    if fence.offset == span.start:
        return min(fence.ahead, count)
    marks = [it[:MARK_BYTES] for it in records(blob)]  # the span was cut otherwise the last time
    return marks.index(fence.mark) + 1 if fence.mark in marks else 0


def _text(score: int | bytes) -> bytes:
    return score if isinstance(score, bytes) else b"%d" % score
