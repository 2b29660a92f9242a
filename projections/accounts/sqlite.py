"""Keeps accounts in SQLite.

Consumes:   the writes of projections.accounts.projector
Writes:     accounts (user_id → profile), changes (what was edited, for caches)
Guarantee:  see infra.sqlite.projection_store; an account registered twice stays as it was first
Rebuild:    delete the file
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from infra.sqlite.changes import ChangeFeed
from infra.sqlite.connections import rows
from infra.sqlite.id_sets import id_set
from infra.sqlite.projection_store import SqliteProjectionReader, SqliteProjectionStore
from projections.accounts.projector import EditAccount
from projections.accounts.read_model import Account, Standing

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path


class SqliteAccountsStore(SqliteProjectionStore):
    """The one writer of accounts."""

    SCHEMA_VERSION = 3
    # Names are not UNIQUE here: the claims of the commands make them so, and a projection must not lose an account.
    SCHEMA = """
    CREATE TABLE IF NOT EXISTS accounts (
        user_id INTEGER PRIMARY KEY, username TEXT NOT NULL COLLATE NOCASE, display_name TEXT NOT NULL,
        bio TEXT NOT NULL, location TEXT NOT NULL, profile_image_url TEXT NOT NULL, banner_image_url TEXT NOT NULL,
        verified INTEGER NOT NULL, status TEXT NOT NULL, created_at_ms INTEGER NOT NULL, role TEXT NOT NULL,
        suspended_until_ms INTEGER NOT NULL, limited INTEGER NOT NULL, suspended_reason TEXT NOT NULL,
        suspended_case INTEGER NOT NULL);
    CREATE INDEX IF NOT EXISTS accounts_by_username ON accounts (username);
    CREATE INDEX IF NOT EXISTS accounts_decided ON accounts (user_id)
    WHERE status <> 'ACTIVE' OR role <> 'user' OR suspended_until_ms > 0 OR limited > 0;
    CREATE TABLE IF NOT EXISTS changes (seq INTEGER PRIMARY KEY, id INTEGER NOT NULL);
    CREATE TRIGGER IF NOT EXISTS account_edited AFTER UPDATE ON accounts BEGIN
        INSERT INTO changes (id) VALUES (new.user_id);
    END;
    """
    STATEMENTS: ClassVar[Mapping[type[Any], str]] = {
        Account: "INSERT OR IGNORE INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        EditAccount: """
            UPDATE accounts SET display_name = coalesce(?2, display_name), bio = coalesce(?3, bio),
                location = coalesce(?4, location), profile_image_url = coalesce(?5, profile_image_url),
                banner_image_url = coalesce(?6, banner_image_url), verified = coalesce(?7, verified),
                status = coalesce(?8, status), role = coalesce(?9, role),
                suspended_until_ms = coalesce(?10, suspended_until_ms), limited = coalesce(?11, limited),
                username = coalesce(?12, username), suspended_reason = coalesce(?13, suspended_reason),
                suspended_case = coalesce(?14, suspended_case)
            WHERE user_id = ?1""",
    }


_MANY = "SELECT accounts.* FROM json_each(?) AS wanted CROSS JOIN accounts ON user_id = wanted.value"
_STANDINGS = """
SELECT user_id, status, role, suspended_until_ms, limited FROM accounts
WHERE status <> 'ACTIVE' OR role <> 'user' OR suspended_until_ms > 0 OR limited > 0
"""
_BY_USERNAME = """
SELECT lower(username), min(user_id) FROM json_each(?) AS wanted CROSS JOIN accounts ON username = wanted.value
GROUP BY 1
"""


class SqliteAccountsReader(SqliteProjectionReader):
    """Reads accounts (AccountsReader)."""

    SCHEMA_VERSION = SqliteAccountsStore.SCHEMA_VERSION

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._changes = ChangeFeed(self._connection, "changes")

    def many(self, user_ids: Collection[int]) -> dict[int, Account]:
        """Return the accounts that exist among the ids."""
        found = rows(self._connection, _MANY, (id_set(user_ids),))
        return {row[0]: Account._make((*row[:7], bool(row[7]), *row[8:12], bool(row[12]), *row[13:])) for row in found}

    def standings(self) -> dict[int, Standing]:
        """Return the standing of every account that others decided something about."""
        found = rows(self._connection, _STANDINGS)
        return {row[0]: Standing(row[1], row[2], row[3], bool(row[4])) for row in found}

    def ids_by_username(self, usernames: Collection[str]) -> dict[str, int]:
        """Return user ids by lower-cased name, for the names that exist."""
        return dict(rows(self._connection, _BY_USERNAME, (id_set(usernames),)))

    def changed(self) -> list[int]:
        """Return the ids of the accounts that were edited since the last call: caches drop them."""
        return self._changes.new()
