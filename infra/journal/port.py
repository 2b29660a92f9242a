"""The journal of commands: events, claims on unique names, and the answer to an idempotent request, in one step.

JournalError
├── AlreadyClaimedError        a name that was claimed, or had to be free, is held; nothing was written
├── NotClaimedError            a name to be released is not held by its owner (any more); nothing was written
└── IdempotencyKeyReusedError  the key was used for another request; nothing was written
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from infra.log.port import Position
    from schemas.envelope import Event

ANSWERS_KEPT_MS = 24 * 3_600_000


class Claim(NamedTuple):
    """A name that one owner may hold: `username:ada`, `retweet:5:7`. Made by functions of the commands only."""

    key: str
    owner: int


class IdempotencyKey(NamedTuple):
    """A caller's key (`subject` 0: callers without an account), and a hash of the request it was sent with."""

    subject: int
    key: str
    request_hash: bytes


class Answer(NamedTuple):
    """What the caller is told, and where the events stand; `replayed`: it was given before."""

    status: int
    body: bytes
    positions: tuple[Position, ...]
    replayed: bool = False


class Commit(NamedTuple):
    """What is to be written: all of it or nothing. `free` are the names that nobody may hold at that moment."""

    events: tuple[Event, ...]
    claims: tuple[Claim, ...]
    releases: tuple[Claim, ...]
    status: int
    body: bytes
    idempotency: IdempotencyKey | None
    free: tuple[str, ...] = ()


class JournalError(Exception):
    """Base of what a journal refuses."""


class AlreadyClaimedError(JournalError):
    """Another holds a name that was to be claimed, or to be free."""

    def __init__(self, claim: Claim) -> None:
        super().__init__(claim.key)
        self.claim = claim


class NotClaimedError(JournalError):
    """The name is not held by the owner who would release it."""


class IdempotencyKeyReusedError(JournalError):
    """The key was used for another request."""


class Journal(Protocol):
    """Writes what commands decide, and answers at once for what it wrote (no projection in between)."""

    async def commit(self, commit: Commit) -> Answer:
        """Write the commit; return when it is durable.

        Where the idempotency key was used for the same request before, or is so at this moment, nothing is written
        and the earlier answer is returned. Raises JournalError, LogUnavailableError.
        """

    def answered(self, key: IdempotencyKey) -> Answer | None:
        """Return the answer given before; raises IdempotencyKeyReusedError."""

    def owner(self, claim_key: str) -> int | None:
        """Return who holds a name."""

    def ends(self, topic: str, key: int | None) -> list[Position]:
        """Return the last position of the partition of `key` (None: of every partition) that has any record."""

    async def prune(self, now_ms: int) -> None:
        """Forget answers older than ANSWERS_KEPT_MS."""

    async def forget(self, subject: int, name: str) -> None:
        """Forget what an account, and whoever registered it under that name, was answered.

        On servers nothing is done: there answers go by themselves, after ANSWERS_KEPT_MS.
        """

    async def cut(self, retention_days: int, now_ms: int) -> None:
        """Forget records older than the retention (0 days: keep for ever), as far as they are archived."""
