"""What is secret about accounts: password hashes, sessions, keys of personal data. The port, and one file, fsynced.

Refresh tokens are kept as SHA-256 (they are 256 random bits: nothing to guess). Each is good for one use; a second
use means that it was stolen or that its answer was lost, and ends the session with all its tokens. The authorization
code of an app is the first such token of a session, good for seconds: that it is single use, and that its second use
ends what the first one began, is thereby the same promise.
A row of an account whose name was never claimed (the process died in between) is nobody's: `sweep` removes it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from infra.auth.revocations import LONGEST_ACCESS_TOKEN_MS
from infra.sqlite.connections import Durability, open_writer, rows, run_script, scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
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
    revoked INTEGER NOT NULL DEFAULT 0, app_id INTEGER NOT NULL DEFAULT 0, scopes TEXT NOT NULL DEFAULT '',
    agent TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS sessions_by_expiry ON sessions (expires_at_ms);
CREATE INDEX IF NOT EXISTS sessions_by_user ON sessions (user_id);
CREATE TABLE IF NOT EXISTS refresh_tokens (
    hash BLOB PRIMARY KEY, session_id INTEGER NOT NULL, used_at_ms INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS refresh_tokens_by_session ON refresh_tokens (session_id);
CREATE TABLE IF NOT EXISTS revocations (seq INTEGER PRIMARY KEY, id INTEGER NOT NULL, at_ms INTEGER NOT NULL);
"""
_ADDED = {
    "app_id": "INTEGER NOT NULL DEFAULT 0",
    "scopes": "TEXT NOT NULL DEFAULT ''",
    "agent": "TEXT NOT NULL DEFAULT ''",
}
"""Columns of sessions that files of 0.7 and before do not have."""
_SESSION = "session_id, user_id, app_id, scopes, agent"


class Session(NamedTuple):
    """A session of an account: its owner's, or one in which an app acts for the owner."""

    session_id: int
    user_id: int
    app_id: int = 0
    """0: the owner's own."""
    scopes: str = ""
    """What the app was granted, parted by spaces."""
    agent: str = ""
    """What the owner logged in by, as it calls itself."""


class OpenSession(NamedTuple):
    """A session that goes on, until when it can be refreshed."""

    session: Session
    expires_at_ms: int


class RefreshRefusedError(Exception):
    """The refresh token is unknown or expired, its session has ended, or was ended because it was used before."""

    def __init__(self, reused: Session | None = None) -> None:
        super().__init__("reused" if reused else "not valid")
        self.reused = reused


def hash_of(secret: str, *bound_to: str) -> bytes:
    """Return what is kept of a refresh token, or of another secret that is good only together with other texts.

    Whoever shows the secret with other texts shows something that was never kept. 0xFF is in no UTF-8: two lists of
    texts never give the same bytes.
    """
    return hashlib.sha256(b"\xff".join(text.encode(errors="replace") for text in (*bound_to, secret))).digest()


class Credentials(Protocol):
    """Where secrets are kept; each call is durable when it returns. On servers: infra.auth.cql_credentials."""

    def add_account(self, claim: Claim, password_hash: str, data_key: bytes, now_ms: int) -> None:
        """Keep an account's secrets; they count for nothing until `claim`, its name, is in the journal."""

    def drop_account(self, user_id: int) -> None:
        """Forget an account's secrets: its data key with them."""

    def forget(self, user_id: int) -> None:
        """Forget all that is kept of an account that was erased, its sessions too; they have been ended before."""

    def password_hash(self, user_id: int) -> str | None:
        """Return the encoded hash."""

    def data_key(self, user_id: int) -> bytes | None:
        """Return the key of the account's personal data, or None once it is erased."""

    def open_session(self, session: Session, refresh_hash: bytes, expires_at_ms: int) -> None:
        """Begin a session with its first refresh token."""

    def rotate(self, old_hash: bytes, new_hash: bytes, now_ms: int, expires_at_ms: int) -> Session:
        """Exchange a refresh token for a new one; raises RefreshRefusedError, having ended the session if reused."""

    def session_of(self, refresh_hash: bytes, now_ms: int) -> OpenSession | None:
        """Return the session that a refresh token could be used in now, or None; nothing is used."""

    def sessions_of(self, user_id: int, now_ms: int) -> list[OpenSession]:
        """Return an account's sessions that go on, those of apps too, oldest first."""

    def revoke(self, session_id: int, now_ms: int) -> None:
        """End a session: its refresh tokens are void, and verifiers hear of it."""

    def revoke_all(self, user_id: int, now_ms: int, but: int = 0) -> list[int]:
        """End all sessions of an account, as `revoke` does, `but` for one; return them."""

    def set_password(self, user_id: int, password_hash: str) -> None:
        """Replace the hash of an account that there is."""

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
            if missing := _ADDED.keys() - {name for _, name, *_ in rows(self._db, "PRAGMA table_info(sessions)")}:
                self._add_columns(missing)
            run_script(self._db, _SCHEMA)

    def _add_columns(self, names: Collection[str]) -> None:
        if scalar(self._db, "SELECT 1 FROM sqlite_master WHERE name = 'sessions'"):
            for name in names:
                self._db.execute(f"ALTER TABLE sessions ADD COLUMN {name} {_ADDED[name]}")

    def add_account(self, claim: Claim, password_hash: str, data_key: bytes, now_ms: int) -> None:
        """Keep an account's secrets; they count for nothing until `claim`, its name, is in the journal."""
        row = (claim.owner, claim.key, password_hash, data_key, now_ms)
        self._db.execute("INSERT INTO accounts VALUES (?, ?, ?, ?, ?, 0)", row)

    def drop_account(self, user_id: int) -> None:
        """Forget an account's secrets: its data key with them."""
        self._db.execute("DELETE FROM accounts WHERE user_id = ?", (user_id,))

    def forget(self, user_id: int) -> None:
        """Forget all that is kept of an account that was erased, its sessions too; they have been ended before."""
        sessions = "SELECT session_id FROM sessions WHERE user_id = ?"
        with self._db:
            self._db.execute(f"DELETE FROM refresh_tokens WHERE session_id IN ({sessions})", (user_id,))
            for table in ("sessions", "sign_ins", "accounts"):
                self._db.execute(f"DELETE FROM {table} WHERE user_id = ?", (user_id,))

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
            insert = f"INSERT INTO sessions ({_SESSION}, expires_at_ms) VALUES (?, ?, ?, ?, ?, ?)"
            self._db.execute(insert, (*session, expires_at_ms))
            self._add_refresh(refresh_hash, session.session_id)

    def rotate(self, old_hash: bytes, new_hash: bytes, now_ms: int, expires_at_ms: int) -> Session:
        """Exchange a refresh token for a new one; raises RefreshRefusedError, having ended the session if reused."""
        with self._db:
            found = self._find(old_hash, now_ms)
            if found is None:
                raise RefreshRefusedError
            *session_row, _, used_at_ms = found
            session = Session(*session_row)
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

    def _find(self, refresh_hash: bytes, now_ms: int) -> tuple[Any, ...] | None:
        query = f"""SELECT {_SESSION}, expires_at_ms, used_at_ms FROM refresh_tokens JOIN sessions USING (session_id)
                    WHERE hash = ? AND revoked = 0 AND expires_at_ms > ?"""
        return self._db.execute(query, (refresh_hash, now_ms)).fetchone()

    def session_of(self, refresh_hash: bytes, now_ms: int) -> OpenSession | None:
        """Return the session that a refresh token could be used in now, or None; nothing is used."""
        found = self._find(refresh_hash, now_ms)
        if found is None or found[-1]:
            return None
        *session_row, expires_at_ms, _ = found
        return OpenSession(Session(*session_row), expires_at_ms)

    def sessions_of(self, user_id: int, now_ms: int) -> list[OpenSession]:
        """Return an account's sessions that go on, those of apps too, oldest first."""
        query = f"""SELECT {_SESSION}, expires_at_ms FROM sessions
                    WHERE user_id = ? AND revoked = 0 AND expires_at_ms > ? ORDER BY session_id"""
        return [OpenSession(Session(*row), until_ms) for *row, until_ms in rows(self._db, query, (user_id, now_ms))]

    def revoke(self, session_id: int, now_ms: int) -> None:
        """End a session: its refresh tokens are void, and verifiers hear of it by the feed."""
        with self._db:
            self._revoke(session_id, now_ms)

    def revoke_all(self, user_id: int, now_ms: int, but: int = 0) -> list[int]:
        """End all sessions of an account, as `revoke` does, `but` for one; return them."""
        query = "SELECT session_id FROM sessions WHERE user_id = ? AND revoked = 0 AND session_id <> ?"
        with self._db:
            sessions = [row[0] for row in rows(self._db, query, (user_id, but))]
            for session_id in sessions:
                self._revoke(session_id, now_ms)
        return sessions

    def set_password(self, user_id: int, password_hash: str) -> None:
        """Replace the hash of an account that there is."""
        self._db.execute("UPDATE accounts SET password_hash = ? WHERE user_id = ?", (password_hash, user_id))

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
