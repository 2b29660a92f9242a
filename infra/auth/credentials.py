"""What is secret about accounts: password hashes, sessions, keys of personal data. The port, and one file, fsynced.

Refresh tokens are kept as SHA-256 (they are 256 random bits: nothing to guess). Each is good for one use; a second
use means that it was stolen or that its answer was lost, and ends the session with all its tokens.
A row of an account whose name was never claimed (the process died in between) is nobody's: `sweep` removes it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple, Protocol

from infra.auth.revocations import LONGEST_ACCESS_TOKEN_MS
from infra.sqlite.connections import Durability, open_writer, rows, run_script, scalar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from infra.journal.port import Claim

SWEEP_AFTER_MS = 3_600_000  # a registration under way is seconds old

_SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts (
    user_id INTEGER PRIMARY KEY, claim TEXT NOT NULL, password_hash TEXT NOT NULL, data_key BLOB,
    created_at_ms INTEGER NOT NULL, confirmed INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS sign_ins (user_id INTEGER PRIMARY KEY, day INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS sessions (
    session_id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL,
    revoked INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS sessions_by_expiry ON sessions (expires_at_ms);
CREATE TABLE IF NOT EXISTS refresh_tokens (
    hash BLOB PRIMARY KEY, session_id INTEGER NOT NULL, used_at_ms INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS refresh_tokens_by_session ON refresh_tokens (session_id);
CREATE TABLE IF NOT EXISTS revocations (seq INTEGER PRIMARY KEY, id INTEGER NOT NULL, at_ms INTEGER NOT NULL);
"""


class Session(NamedTuple):
    """A session of an account."""

    session_id: int
    user_id: int


class RefreshRefusedError(Exception):
    """The refresh token is unknown or expired, its session has ended, or was ended because it was used before."""

    def __init__(self, reused: Session | None = None) -> None:
        super().__init__("reused" if reused else "not valid")
        self.reused = reused


def hash_of(refresh_token: str) -> bytes:
    """Return what is kept of a refresh token."""
    return hashlib.sha256(refresh_token.encode(errors="replace")).digest()


class Credentials(Protocol):
    """Where secrets are kept; each call is durable when it returns. On servers: infra.auth.cql_credentials."""

    def add_account(self, claim: Claim, password_hash: str, data_key: bytes, now_ms: int) -> None:
        """Keep an account's secrets; they count for nothing until `claim`, its name, is in the journal."""

    def drop_account(self, user_id: int) -> None:
        """Forget an account's secrets: its data key with them."""

    def password_hash(self, user_id: int) -> str | None:
        """Return the encoded hash."""

    def data_key(self, user_id: int) -> bytes | None:
        """Return the key of the account's personal data, or None once it is erased."""

    def open_session(self, session: Session, refresh_hash: bytes, expires_at_ms: int) -> None:
        """Begin a session with its first refresh token."""

    def rotate(self, old_hash: bytes, new_hash: bytes, now_ms: int, expires_at_ms: int) -> Session:
        """Exchange a refresh token for a new one; raises RefreshRefusedError, having ended the session if reused."""

    def revoke(self, session_id: int, now_ms: int) -> None:
        """End a session: its refresh tokens are void, and verifiers hear of it."""

    def signed_in_on(self, user_id: int) -> int:
        """Return the last day (since 1970) on which the account's sign-in was said, or -1."""

    def mark_signed_in(self, user_id: int, day: int) -> None:
        """Remember that the sign-in was said."""

    def sweep(self, now_ms: int, owner: Callable[[str], int | None]) -> None:
        """Remove what has expired, and the secrets of accounts whose name was never claimed."""

    def close(self) -> None:
        """Close it."""


class SqliteCredentials:
    """The file's one writer; blocking, each call one durable transaction. Not to be used by two threads at once."""

    def __init__(self, path: Path) -> None:
        self._db = open_writer(path, Durability.FULL)
        path.chmod(0o600)
        with self._db:
            run_script(self._db, _SCHEMA)

    def add_account(self, claim: Claim, password_hash: str, data_key: bytes, now_ms: int) -> None:
        """Keep an account's secrets; they count for nothing until `claim`, its name, is in the journal."""
        row = (claim.owner, claim.key, password_hash, data_key, now_ms)
        self._db.execute("INSERT INTO accounts VALUES (?, ?, ?, ?, ?, 0)", row)

    def drop_account(self, user_id: int) -> None:
        """Forget an account's secrets: its data key with them."""
        self._db.execute("DELETE FROM accounts WHERE user_id = ?", (user_id,))

    def password_hash(self, user_id: int) -> str | None:
        """Return the encoded hash."""
        found: str | None = scalar(self._db, "SELECT password_hash FROM accounts WHERE user_id = ?", (user_id,))
        return found

    def data_key(self, user_id: int) -> bytes | None:
        """Return the key of the account's personal data, or None once it is erased."""
        found: bytes | None = scalar(self._db, "SELECT data_key FROM accounts WHERE user_id = ?", (user_id,))
        return found

    def open_session(self, session: Session, refresh_hash: bytes, expires_at_ms: int) -> None:
        """Begin a session with its first refresh token."""
        with self._db:
            row = (session.session_id, session.user_id, expires_at_ms)
            self._db.execute("INSERT INTO sessions (session_id, user_id, expires_at_ms) VALUES (?, ?, ?)", row)
            self._add_refresh(refresh_hash, session.session_id)

    def rotate(self, old_hash: bytes, new_hash: bytes, now_ms: int, expires_at_ms: int) -> Session:
        """Exchange a refresh token for a new one; raises RefreshRefusedError, having ended the session if reused."""
        query = """SELECT t.session_id, t.used_at_ms, s.user_id FROM refresh_tokens t JOIN sessions s USING (session_id)
                   WHERE t.hash = ? AND s.revoked = 0 AND s.expires_at_ms > ?"""
        with self._db:
            found = self._db.execute(query, (old_hash, now_ms)).fetchone()
            if found is None:
                raise RefreshRefusedError
            session, used_at_ms = Session(found[0], found[2]), found[1]
            if used_at_ms:
                self._revoke(session.session_id, now_ms)
            else:
                self._use(old_hash, session.session_id, now_ms, forget_ms=expires_at_ms - now_ms)
                row = (expires_at_ms, session.session_id)
                self._db.execute("UPDATE sessions SET expires_at_ms = ? WHERE session_id = ?", row)
                self._add_refresh(new_hash, session.session_id)
        if used_at_ms:
            raise RefreshRefusedError(session)
        return session

    def revoke(self, session_id: int, now_ms: int) -> None:
        """End a session: its refresh tokens are void, and verifiers hear of it by the feed."""
        with self._db:
            self._revoke(session_id, now_ms)

    def signed_in_on(self, user_id: int) -> int:
        """Return the last day (since 1970) on which the account's sign-in was said, or -1."""
        day: int | None = scalar(self._db, "SELECT day FROM sign_ins WHERE user_id = ?", (user_id,))
        return -1 if day is None else day

    def mark_signed_in(self, user_id: int, day: int) -> None:
        """Remember that the sign-in was said."""
        self._db.execute("INSERT OR REPLACE INTO sign_ins VALUES (?, ?)", (user_id, day))

    def sweep(self, now_ms: int, owner: Callable[[str], int | None]) -> None:
        """Remove what has expired, and the secrets of accounts whose name was never claimed."""
        old = "SELECT user_id, claim FROM accounts WHERE confirmed = 0 AND created_at_ms < ?"
        for user_id, claim in rows(self._db, old, (now_ms - SWEEP_AFTER_MS,)):
            if owner(claim) == user_id:
                self._db.execute("UPDATE accounts SET confirmed = 1 WHERE user_id = ?", (user_id,))
            else:
                self.drop_account(user_id)
        with self._db:
            ended = "SELECT session_id FROM sessions WHERE expires_at_ms < ?"
            self._db.execute(f"DELETE FROM refresh_tokens WHERE session_id IN ({ended})", (now_ms,))
            self._db.execute("DELETE FROM sessions WHERE expires_at_ms < ?", (now_ms,))
            self._db.execute("DELETE FROM revocations WHERE at_ms < ?", (now_ms - 2 * LONGEST_ACCESS_TOKEN_MS,))

    def _add_refresh(self, refresh_hash: bytes, session_id: int) -> None:
        self._db.execute("INSERT INTO refresh_tokens (hash, session_id) VALUES (?, ?)", (refresh_hash, session_id))

    def _use(self, refresh_hash: bytes, session_id: int, now_ms: int, forget_ms: int) -> None:
        self._db.execute("UPDATE refresh_tokens SET used_at_ms = ? WHERE hash = ?", (now_ms, refresh_hash))
        old = "DELETE FROM refresh_tokens WHERE session_id = ? AND used_at_ms BETWEEN 1 AND ?"
        self._db.execute(old, (session_id, now_ms - forget_ms))  # a token as old as that is refused as unknown

    def _revoke(self, session_id: int, now_ms: int) -> None:
        self._db.execute("UPDATE sessions SET revoked = 1 WHERE session_id = ?", (session_id,))
        self._db.execute("INSERT INTO revocations (id, at_ms) VALUES (?, ?)", (session_id, now_ms))

    def close(self) -> None:
        """Close the file."""
        self._db.close()
