"""Intents: what a commit is about to do, written down before it is done, so that any process can finish or undo it.

  open ──▶ committed ──▶ done      everything that was promised is on the log, every name is settled
    └────▶ aborted ──▶ (no row)    nothing is on the log, every name was given back

Each step is one compare-and-set. `run` tells two intents of the same Idempotency-Key apart. An intent leaves the table
only when no name refers to it any more; so a name held for an intent that is not there is held by nobody.

What a key was answered is personal: it is kept under a seal (infra.journal.answers). Without a key nothing is kept.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from infra.cql.compare_and_set import compare_and_set
from infra.journal import answers
from infra.journal.port import ANSWERS_KEPT_MS, Answer, Commit, IdempotencyKey
from infra.log.port import Position, Record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from infra.cql.session import CqlSession
    from schemas.sealing import Seals

OPEN, COMMITTED, DONE, ABORTED = "open", "committed", "done", "aborted"
TAKE, FREE, RELEASE = "take", "free", "release"
RUN_BYTES = 8
_KEPT_SECONDS = ANSWERS_KEPT_MS // 1000
_KEYED, _UNKEYED = b"k", b"r"

_COLUMNS = "id, run, state, begun_ms, at_ms, request_hash, status, body, records, names, positions"
_SET = """run = ?, state = ?, begun_ms = ?, at_ms = ?, request_hash = ?, status = ?, body = ?, records = ?, names = ?,
          positions = ?"""
_READ = f"SELECT {_COLUMNS} FROM intents WHERE id = ?"
_BEGIN = f"UPDATE intents SET {_SET} WHERE id = ? IF state = null"
_BEGIN_KEPT = f"UPDATE intents USING TTL {_KEPT_SECONDS} SET {_SET} WHERE id = ? IF state = null"
_MOVE = "UPDATE intents SET state = ?, at_ms = ? WHERE id = ? IF run = ? AND state = ? AND at_ms = ?"
_MOVE_KEPT = _MOVE.replace(" SET", f" USING TTL {_KEPT_SECONDS} SET")
_DONE = f"UPDATE intents USING TTL {_KEPT_SECONDS} SET {_SET} WHERE id = ? IF run = ? AND state = ?"
_FORGET = "DELETE FROM intents WHERE id = ? IF run = ?"

_encode = msgspec.msgpack.encode
_records = msgspec.msgpack.Decoder(tuple[tuple[str, int, bytes], ...])
_names = msgspec.msgpack.Decoder(tuple[tuple[str, str, int], ...])
_positions = msgspec.msgpack.Decoder(tuple[tuple[str, int, int], ...])


class Name(NamedTuple):
    """One name that a commit needs: `kind` is TAKE, FREE (nobody may hold it at that moment) or RELEASE."""

    kind: str
    key: str
    owner: int


class Intent(NamedTuple):
    """One row; `at_ms` is when its present runner took it on (0: it was given up), `account` whose answer it is."""

    id: bytes
    run: bytes
    state: str
    begun_ms: int
    at_ms: int
    request_hash: bytes
    status: int
    body: bytes
    records: tuple[Record, ...]
    names: tuple[Name, ...]
    positions: tuple[Position, ...] = ()
    account: int = 0

    @property
    def ref(self) -> bytes:
        """Return how names refer to this intent and run."""
        return self.run + self.id

    @property
    def keyed(self) -> bool:
        """Tell whether it answers an Idempotency-Key."""
        return self.id.startswith(_KEYED)

    def answer(self, *, replayed: bool) -> Answer:
        """Return what the caller is told."""
        return Answer(self.status, self.body, self.positions, replayed)


def intent_of(commit: Commit, records: tuple[Record, ...], names: tuple[Name, ...], now_ms: int) -> Intent:
    """Return a new run of what is to be committed, open."""
    key = commit.idempotency
    intent_id = _UNKEYED + secrets.token_bytes(16) if key is None else id_of(key)
    run = secrets.token_bytes(RUN_BYTES)
    request_hash = b"" if key is None else key.request_hash
    status, body = commit.status, commit.body
    account = 0 if key is None else key.subject or next((it.owner for it in names if it.kind == TAKE), 0)
    return Intent(intent_id, run, OPEN, now_ms, now_ms, request_hash, status, body, records, names, (), account)


def names_of(commit: Commit) -> tuple[Name, ...]:
    """Return the names that a commit needs, in the order in which refusals are told."""
    return (
        *(Name(TAKE, *claim) for claim in commit.claims),
        *(Name(FREE, key, 0) for key in commit.free),
        *(Name(RELEASE, *claim) for claim in commit.releases),
    )


def id_of(key: IdempotencyKey) -> bytes:
    """Return the id of the intent that answers this key."""
    return _KEYED + hashlib.blake2b(b"%d\0%s" % (key.subject, key.key.encode()), digest_size=16).digest()


class Intents:
    """The table of intents."""

    def __init__(self, session: CqlSession, seals: Seals | None) -> None:
        self._session = session
        self._seals = seals

    def read(self, intent_id: bytes) -> Intent | None:
        """Return the intent of this id."""
        rows = self._session.run(_READ, (intent_id,))
        if not rows or rows[0][2] is None:
            return None
        *plain, records, names, positions = rows[0]
        unpacked = (
            tuple(Record(*record) for record in _records.decode(records)) if records else (),
            tuple(Name(*name) for name in _names.decode(names)) if names else (),
            tuple(Position(*position) for position in _positions.decode(positions)) if positions else (),
        )
        told = answers.found(plain.pop() or b"", intent_id, self._seals)
        return Intent._make((*plain, told.body, *unpacked, told.account))

    def begin(self, intent: Intent) -> bool:
        """Write the intent where its id is free; False: another run has it.

        One that holds no name may begin as committed; it goes after a day even where nobody finishes it.
        """
        statement = _BEGIN if intent.names else _BEGIN_KEPT
        begun = compare_and_set(self._session, statement, (*self._values(intent), intent.id))
        if begun is None:
            there = self.read(intent.id)
            return there is not None and there.run == intent.run
        return begun

    def move(self, intent: Intent, state: str, at_ms: int) -> Intent | None:
        """Move the intent on from where it was read; None: somebody else has moved it."""
        moved = intent._replace(state=state, at_ms=at_ms)
        values = (state, at_ms, intent.id, intent.run, intent.state, intent.at_ms)
        done = compare_and_set(self._session, _MOVE if intent.names else _MOVE_KEPT, values)
        if done is None:
            there = self.read(intent.id)
            done = there is not None and (there.run, there.state, there.at_ms) == (intent.run, state, at_ms)
        return moved if done else None

    def finish(self, intent: Intent, positions: Sequence[Position]) -> None:
        """Note that all is done: the answer is kept for its key, without one there is nothing to keep."""
        if not intent.keyed:
            self.forget(intent)
            return
        done = intent._replace(state=DONE, records=(), names=(), positions=tuple(positions))
        compare_and_set(self._session, _DONE, (*self._values(done), intent.id, intent.run, COMMITTED))

    def forget(self, intent: Intent) -> None:
        """Remove an intent that no name refers to."""
        compare_and_set(self._session, _FORGET, (intent.id, intent.run))

    def _values(self, intent: Intent) -> tuple[Any, ...]:
        packed = (_encode(intent.records), _encode(intent.names), _encode(intent.positions))
        told = answers.Told(intent.body, intent.account)
        body = answers.kept(told, intent.id, self._seals) if intent.keyed else b""
        return (*intent[1:7], body, *packed)
