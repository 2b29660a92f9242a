"""What is secret about accounts, in Scylla or Cassandra; see infra.auth.credentials for what is kept and why.

A session names the hash of the one refresh token that may be used. Rotation writes where the new token belongs (nobody
knows it yet), then compares and sets that hash: of two uses of one token one wins, and the other is told from it as a
second use. A used token is thus one whose session names another. What has expired goes by its time to live.

Guarantee:  each call is durable when it returns; a call that fails may have been done, and may be repeated
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from infra.auth.cql_revocations import record_revocation
from infra.auth.credentials import SWEEP_AFTER_MS, OpenSession, RefreshRefusedError, Session
from infra.cql.compare_and_set import compare_and_set
from infra.cql.session import Call
from schemas.ids import unix_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.cql.session import CqlSession
    from infra.journal.port import Claim

HOUR_MS = 3_600_000
SWEPT_HOURS = 72  # registrations that died while no command process ran for longer keep a hash that opens nothing
_UNCONFIRMED_SECONDS = 2 * SWEPT_HOURS * 3600

_ADD = "INSERT INTO accounts (user_id, password_hash, data_key) VALUES (?, ?, ?)"
_ADD_UNCONFIRMED = f"""INSERT INTO unconfirmed_accounts (hour, user_id, claim, created_at_ms) VALUES (?, ?, ?, ?)
                       USING TTL {_UNCONFIRMED_SECONDS}"""
_UNCONFIRMED = "SELECT hour, user_id, claim, created_at_ms FROM unconfirmed_accounts WHERE hour = ?"
_CONFIRM = "DELETE FROM unconfirmed_accounts WHERE hour = ? AND user_id = ?"
_DROP = "DELETE FROM accounts WHERE user_id = ?"
_PASSWORD = "SELECT password_hash FROM accounts WHERE user_id = ?"  # noqa: S105 - a statement
_FORGET_SESSIONS = "DELETE FROM sessions_by_user WHERE user_id = ?"
_FORGET_SIGN_IN = "DELETE FROM sign_ins WHERE user_id = ?"
_DATA_KEY = "SELECT data_key FROM accounts WHERE user_id = ?"
_SIGNED_IN = "SELECT day FROM sign_ins WHERE user_id = ?"
_SIGN_IN = "INSERT INTO sign_ins (user_id, day) VALUES (?, ?)"
_OPEN = """INSERT INTO sessions (session_id, user_id, refresh_hash, expires_at_ms, revoked) VALUES (?, ?, ?, ?, false)
           IF NOT EXISTS USING TTL ?"""
_LIST_SESSION = """INSERT INTO sessions_by_user (session_id, user_id, app_id, scopes, agent) VALUES (?, ?, ?, ?, ?)
                   USING TTL ?"""
_LISTED = """SELECT session_id, user_id, app_id, scopes, agent FROM sessions_by_user
             WHERE user_id = ? AND session_id = ?"""
_SESSIONS_OF = "SELECT session_id, user_id, app_id, scopes, agent FROM sessions_by_user WHERE user_id = ?"
_SET_PASSWORD = "UPDATE accounts SET password_hash = ? WHERE user_id = ?"  # noqa: S105 - a statement
_SESSION = "SELECT session_id, user_id, refresh_hash, expires_at_ms, revoked FROM sessions WHERE session_id = ?"
_ROTATE = """UPDATE sessions USING TTL ? SET user_id = ?, refresh_hash = ?, expires_at_ms = ?, revoked = false
             WHERE session_id = ? IF refresh_hash = ? AND revoked = false"""
_REVOKE = "UPDATE sessions USING TTL ? SET revoked = true WHERE session_id = ? IF revoked = false"
_ADD_TOKEN = "INSERT INTO refresh_tokens (hash, session_id) VALUES (?, ?) USING TTL ?"  # noqa: S105 - a statement
_TOKEN = "SELECT session_id FROM refresh_tokens WHERE hash = ?"  # noqa: S105 - a statement


class _Row(NamedTuple):
    session_id: int
    user_id: int
    refresh_hash: bytes | None
    expires_at_ms: int
    revoked: bool


class CqlCredentials:
    """Used below a bridge, or by plain code; `session` is that of the keyspace of compare-and-set."""

    def __init__(self, session: CqlSession, refresh_ms: int) -> None:
        """`refresh_ms`: how long a refresh token is good for, and remembered."""
        self._session = session
        self._kept_seconds = max(1, refresh_ms // 1000)

    def add_account(self, claim: Claim, password_hash: str, data_key: bytes, now_ms: int) -> None:
        """Keep an account's secrets; they count for nothing until `claim`, its name, is in the journal."""
        self._session.run(_ADD_UNCONFIRMED, (now_ms // HOUR_MS, claim.owner, claim.key, now_ms))
        self._session.run(_ADD, (claim.owner, password_hash, data_key))

    def drop_account(self, user_id: int) -> None:
        """Forget an account's secrets: its data key with them."""
        self._session.run(_DROP, (user_id,))

    def forget(self, user_id: int) -> None:
        """Forget all that is kept of an account that was erased; its sessions, ended before, go by their time."""
        for statement in (_FORGET_SESSIONS, _FORGET_SIGN_IN, _DROP):
            self._session.run(statement, (user_id,))
        began = unix_ms(user_id) // HOUR_MS  # its registration: the id was given just before
        for hour in (began, began + 1):
            self._session.run(_CONFIRM, (hour, user_id))

    def password_hash(self, user_id: int) -> str | None:
        """Return the encoded hash."""
        rows = self._session.run(_PASSWORD, (user_id,))
        return rows[0][0] if rows else None

    def data_key(self, user_id: int) -> bytes | None:
        """Return the key of the account's personal data, or None once it is erased."""
        rows = self._session.run(_DATA_KEY, (user_id,))
        return rows[0][0] if rows else None

    def open_session(self, session: Session, refresh_hash: bytes, expires_at_ms: int) -> None:
        """Begin a session with its first refresh token."""
        self._list(session)
        self._session.run(_ADD_TOKEN, (refresh_hash, session.session_id, self._kept_seconds))
        values = (session.session_id, session.user_id, refresh_hash, expires_at_ms, self._kept_seconds)
        compare_and_set(self._session, _OPEN, values)

    def _list(self, session: Session) -> None:
        """Let a session be found by its account, for as long as it can be refreshed."""
        self._session.run(_LIST_SESSION, (*session, self._kept_seconds))

    def rotate(self, old_hash: bytes, new_hash: bytes, now_ms: int, expires_at_ms: int) -> Session:
        """Exchange a refresh token for a new one; raises RefreshRefusedError, having ended the session if reused."""
        row = self._session_of(old_hash, now_ms)
        session = self._listed(row)
        if row.refresh_hash == old_hash:
            self._list(session)
            self._session.run(_ADD_TOKEN, (new_hash, row.session_id, self._kept_seconds))
            values = (self._kept_seconds, row.user_id, new_hash, expires_at_ms, row.session_id, old_hash)
            rotated = compare_and_set(self._session, _ROTATE, values)
            if rotated or (rotated is None and self._session_of(old_hash, now_ms).refresh_hash == new_hash):
                return session
            self._session_of(old_hash, now_ms)  # ended meanwhile: then it was not this token's second use
        self.revoke(session.session_id, now_ms)
        raise RefreshRefusedError(session)

    def _session_of(self, refresh_hash: bytes, now_ms: int) -> _Row:
        """Return the session of a token that it may still be used in; raises RefreshRefusedError."""
        tokens = self._session.run(_TOKEN, (refresh_hash,))
        rows = self._session.run(_SESSION, (tokens[0][0],)) if tokens else []
        row = _Row(*rows[0]) if rows else None
        if row is None or row.refresh_hash is None or row.revoked or row.expires_at_ms <= now_ms:
            raise RefreshRefusedError
        return row

    def _listed(self, row: _Row) -> Session:
        """Return a session with what it may do; raises RefreshRefusedError where that is not known."""
        listed = self._session.run(_LISTED, (row.user_id, row.session_id))
        if not listed:
            raise RefreshRefusedError
        return Session(*listed[0])

    def session_of(self, refresh_hash: bytes, now_ms: int) -> OpenSession | None:
        """Return the session that a refresh token could be used in now, or None; nothing is used."""
        try:
            row = self._session_of(refresh_hash, now_ms)
            return OpenSession(self._listed(row), row.expires_at_ms) if row.refresh_hash == refresh_hash else None
        except RefreshRefusedError:
            return None

    def sessions_of(self, user_id: int, now_ms: int) -> list[OpenSession]:
        """Return an account's sessions that go on, those of apps too, oldest first."""
        listed = [Session(*row) for row in self._session.run(_SESSIONS_OF, (user_id,))]
        found = self._session.run_all([Call(_SESSION, (session.session_id,)) for session in listed])
        return [
            OpenSession(session, row.expires_at_ms)
            for session, rows in zip(listed, found, strict=True)
            for row in (_Row(*it) for it in rows)
            if row.refresh_hash is not None and not row.revoked and row.expires_at_ms > now_ms
        ]

    def revoke(self, session_id: int, now_ms: int) -> None:
        """End a session: verifiers hear of it, and its refresh tokens are void."""
        record_revocation(self._session, session_id, now_ms)
        compare_and_set(self._session, _REVOKE, (self._kept_seconds, session_id))

    def revoke_all(self, user_id: int, now_ms: int, but: int = 0) -> list[int]:
        """End all sessions of an account, as `revoke` does, `but` for one; return them."""
        sessions = [row[0] for row in self._session.run(_SESSIONS_OF, (user_id,)) if row[0] != but]
        for session_id in sessions:
            self.revoke(session_id, now_ms)
        return sessions

    def set_password(self, user_id: int, password_hash: str) -> None:
        """Replace the hash of an account that there is."""
        self._session.run(_SET_PASSWORD, (password_hash, user_id))

    def signed_in_on(self, user_id: int) -> int:
        """Return the last day (since 1970) on which the account's sign-in was said, or -1."""
        rows = self._session.run(_SIGNED_IN, (user_id,))
        return rows[0][0] if rows else -1

    def mark_signed_in(self, user_id: int, day: int) -> None:
        """Remember that the sign-in was said."""
        self._session.run(_SIGN_IN, (user_id, day))

    def sweep(self, now_ms: int, owner: Callable[[str], int | None]) -> None:
        """Remove the secrets of accounts whose name was never claimed."""
        last = (now_ms - SWEEP_AFTER_MS) // HOUR_MS
        hours = range(last - SWEPT_HOURS, last + 1)
        for rows in self._session.run_all([Call(_UNCONFIRMED, (hour,)) for hour in hours]):
            for hour, user_id, claim, created_at_ms in rows:
                if created_at_ms < now_ms - SWEEP_AFTER_MS:
                    if owner(claim) != user_id:
                        self.drop_account(user_id)
                    self._session.run(_CONFIRM, (hour, user_id))

    def close(self) -> None:
        """Nothing to close: the session is whoever's opened it."""
