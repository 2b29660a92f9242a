"""The journal on the embedded log: claims and answers are tables of the facts' file, written in its transactions.

Guarantee:  events, claims and answer are durable together or not at all; the check of a claim and its writing cannot
            be parted, because the group commit runs both under SQLite's write lock
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from infra.journal.port import (
    ANSWERS_KEPT_MS,
    AlreadyClaimedError,
    Answer,
    Claim,
    Commit,
    IdempotencyKey,
    IdempotencyKeyReusedError,
    NotClaimedError,
)
from infra.log import retention
from infra.log.embedded import open_appender, path_of
from infra.log.group_commit import AppendRefusedError
from infra.log.partitioner import partition_of
from infra.log.port import LogUnavailableError, Position, Record
from infra.log.sqlite import topics_of
from infra.sqlite.connections import open_reader, rows, scalar
from schemas.codec import encode, topic_and_key
from schemas.sealing import SealsAwayError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    import apsw

    from infra.log.port import TopicPartition
    from schemas.envelope import Event
    from schemas.sealing import Seals

SCHEMA = """
CREATE TABLE IF NOT EXISTS claims (key TEXT PRIMARY KEY, owner INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answers (
    id INTEGER PRIMARY KEY, subject INTEGER NOT NULL, key TEXT NOT NULL, request_hash BLOB NOT NULL,
    status INTEGER NOT NULL, body BLOB NOT NULL, positions BLOB NOT NULL, at_ms INTEGER NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS answers_by_key ON answers (subject, key);
"""  # answers lie in order of time, so that a commit writes few pages and the old ones go together
PRUNED_AT_ONCE = 1000  # answers deleted in one transaction: some 10 ms of the write lock

_ANSWER = "SELECT request_hash, status, body, positions FROM answers WHERE subject = ? AND key = ?"
_OLDEST = "SELECT at_ms FROM answers ORDER BY id LIMIT 1"
_OWNER = "SELECT owner FROM claims WHERE key = ?"
_positions = msgspec.msgpack.Decoder(list[tuple[str, int, int]])


class EmbeddedJournal:
    """Appends facts; one a process."""

    def __init__(
        self,
        folder: Path,
        partitions: Mapping[str, int],
        seals: Seals | None = None,
        archived: Callable[[], Mapping[TopicPartition, int]] | None = None,
    ) -> None:
        """Cut up to where `archived` says, which blocks; None: by time alone."""
        self._archived = archived
        self._seals = seals
        self._log = open_appender(folder, "facts", partitions, SCHEMA)
        self._connection = open_reader(path_of(folder, "facts"))
        self._topics = topics_of(self._connection)

    async def commit(self, commit: Commit) -> Answer:
        """Write the commit; return when it is durable, or return the answer that its key was given before."""
        guard = CommitGuard(commit.claims, commit.releases, commit.idempotency, commit.status, commit.body, commit.free)
        try:
            positions = await self._log.append([record_of(event, self._seals) for event in commit.events], guard)
        except AppendRefusedError as refused:
            if isinstance(refused.reason, Answer):
                return refused.reason
            if isinstance(refused.reason, Exception):
                raise refused.reason from None
            raise
        return Answer(commit.status, commit.body, tuple(positions))

    def answered(self, key: IdempotencyKey) -> Answer | None:
        """Return the answer given before; raises IdempotencyKeyReusedError."""
        before = _answer_before(self._connection, key)
        if isinstance(before, Exception):
            raise before
        return before

    def owner(self, claim_key: str) -> int | None:
        """Return who holds a name."""
        owner: int | None = scalar(self._connection, _OWNER, (claim_key,))
        return owner

    def ends(self, topic: str, key: int | None) -> list[Position]:
        """Return the last position of the partition of `key` (None: of every partition) that has any record."""
        _, count, first = self._topics[topic]
        partitions: Iterable[int] = range(count) if key is None else (partition_of(key, count),)
        query = "SELECT next_offset FROM ends WHERE number = ?"
        ends = ((partition, scalar(self._connection, query, (first + partition,))) for partition in partitions)
        return [Position(topic, partition, end - 1) for partition, end in ends if end]

    async def prune(self, now_ms: int) -> None:
        """Forget answers older than ANSWERS_KEPT_MS, some at a time so that commands get their turn."""
        before_ms = now_ms - ANSWERS_KEPT_MS
        while (oldest := scalar(self._connection, _OLDEST)) is not None and oldest < before_ms:
            await self._log.append([], _Prune(before_ms))

    async def forget(self, subject: int, name: str) -> None:
        """Forget what an account, and whoever registered it under that name, was answered."""
        await self._log.append([], _Forget(subject, name))

    async def cut(self, retention_days: int, now_ms: int) -> None:
        """Forget records older than the retention (0 days: keep for ever), as far as they are archived."""
        if retention_days:
            archived = await asyncio.to_thread(self._archived) if self._archived else None
            await retention.enforce(self._log, retention_days, now_ms, archived)

    def close(self) -> None:
        """Finish what was handed in, then close the file."""
        self._log.close()
        self._connection.close()


class CommitGuard(NamedTuple):
    """Refuses what is claimed or answered already; records claims and answer beside the events."""

    claims: Sequence[Claim]
    releases: Sequence[Claim] = ()
    idempotency: IdempotencyKey | None = None
    status: int = 0
    body: bytes = b""
    free: Sequence[str] = ()

    def check(self, connection: apsw.Connection) -> object | None:
        """Return the earlier answer, the error to raise, or None."""
        if self.idempotency and (before := _answer_before(connection, self.idempotency)) is not None:
            return before
        for claim in self.claims:
            if scalar(connection, _OWNER, (claim.key,)) is not None:
                return AlreadyClaimedError(claim)
        for key in self.free:
            if (owner := scalar(connection, _OWNER, (key,))) is not None:
                return AlreadyClaimedError(Claim(key, owner))
        for claim in self.releases:
            if scalar(connection, _OWNER, (claim.key,)) != claim.owner:
                return NotClaimedError(claim.key)
        return None

    def record(self, connection: apsw.Connection, positions: Sequence[Position]) -> None:
        """Write claims and answer."""
        for claim in self.releases:
            connection.execute("DELETE FROM claims WHERE key = ?", (claim.key,))
        for claim in self.claims:
            connection.execute("INSERT INTO claims VALUES (?, ?)", claim)
        if self.idempotency:
            packed = msgspec.msgpack.encode(positions)
            row = (*self.idempotency, self.status, self.body, packed, time.time_ns() // 1_000_000)
            connection.execute("INSERT INTO answers VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", row)


class _Prune(NamedTuple):
    before_ms: int

    def check(self, connection: apsw.Connection) -> object | None:
        del connection
        return None

    def record(self, connection: apsw.Connection, positions: Sequence[Position]) -> None:
        del positions
        oldest = "SELECT id, at_ms FROM answers ORDER BY id LIMIT ?"
        old = [(row[0],) for row in rows(connection, oldest, (PRUNED_AT_ONCE,)) if row[1] < self.before_ms]
        connection.executemany("DELETE FROM answers WHERE id = ?", old)


class _Forget(NamedTuple):
    subject: int
    name: str

    def check(self, connection: apsw.Connection) -> object | None:
        del connection
        return None

    def record(self, connection: apsw.Connection, positions: Sequence[Position]) -> None:
        del positions
        first, last = f"register:{self.name.lower()}:", f"register:{self.name.lower()};"  # `;` comes after `:`
        connection.execute("DELETE FROM answers WHERE subject = ?", (self.subject,))
        connection.execute("DELETE FROM answers WHERE subject = 0 AND key >= ? AND key < ?", (first, last))


def record_of(event: Event, seals: Seals | None = None) -> Record:
    """Return the log record of an event; raises LogUnavailableError where it cannot be sealed now."""
    topic, key = topic_and_key(event)
    try:
        return Record(topic, key, encode(event, seals))
    except SealsAwayError as error:
        raise LogUnavailableError(str(error)) from error


def _answer_before(connection: apsw.Connection, key: IdempotencyKey) -> Answer | Exception | None:
    found = connection.execute(_ANSWER, (key.subject, key.key)).fetchone()
    if found is None:
        return None
    request_hash, status, body, packed = found
    if request_hash != key.request_hash:
        return IdempotencyKeyReusedError(key.key)
    positions = tuple(Position(*position) for position in _positions.decode(packed))
    return Answer(status, body, positions, replayed=True)
