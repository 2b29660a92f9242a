"""Apps of others that may act for accounts: who registered which, and where each is sent back to. The port, and a file.

A client secret is 256 random bits, of which the SHA-256 is kept. What an app was granted is not here: each grant is a
session of the account that granted it (infra.auth.credentials).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from infra.sqlite.connections import Durability, open_writer, rows, run_script
from schemas.ids import to_uuid

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS apps (
    app_id INTEGER PRIMARY KEY, owner_id INTEGER NOT NULL, name TEXT NOT NULL, redirect_uris TEXT NOT NULL,
    secret_hash BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS apps_by_owner ON apps (owner_id);
"""
_APP = "app_id, owner_id, name, redirect_uris, secret_hash"


class App(NamedTuple):
    """An app; without a secret it is public: it runs where it can keep none."""

    app_id: int
    owner_id: int
    name: str
    redirect_uris: str
    """Parted by spaces, which no URI has."""
    secret_hash: bytes = b""

    @property
    def client_id(self) -> str:
        """Its name to the world."""
        return to_uuid(self.app_id)

    @property
    def uris(self) -> list[str]:
        """Where it may be sent back to."""
        return self.redirect_uris.split(" ")

    @property
    def confidential(self) -> bool:
        """Tell whether it has to show a secret."""
        return bool(self.secret_hash)


class Apps(Protocol):
    """Where apps are kept; each call is durable when it returns. On servers: infra.auth.cql_apps."""

    def add(self, app: App) -> None:
        """Keep a new app."""

    def many(self, app_ids: Collection[int]) -> dict[int, App]:
        """Return those that there are, by id."""

    def registered_by(self, owner_id: int) -> list[App]:
        """Return what an account has registered, oldest first."""

    def remove(self, app: App) -> None:
        """Forget an app: it can get no tokens any more. A repeat changes nothing."""

    def close(self) -> None:
        """Close it."""


class SqliteApps:
    """Tables of the file of credentials. Used by the one thread that credentials are used by."""

    def __init__(self, path: Path) -> None:
        self._db = open_writer(path, Durability.FULL)
        with self._db:
            run_script(self._db, _SCHEMA)

    def add(self, app: App) -> None:
        """Keep a new app."""
        self._db.execute(f"INSERT INTO apps ({_APP}) VALUES (?, ?, ?, ?, ?)", app)

    def many(self, app_ids: Collection[int]) -> dict[int, App]:
        """Return those that there are, by id."""
        marks = ", ".join("?" * len(app_ids))
        found = rows(self._db, f"SELECT {_APP} FROM apps WHERE app_id IN ({marks})", tuple(app_ids))
        return {row[0]: App(*row) for row in found}

    def registered_by(self, owner_id: int) -> list[App]:
        """Return what an account has registered, oldest first."""
        found = rows(self._db, f"SELECT {_APP} FROM apps WHERE owner_id = ? ORDER BY app_id", (owner_id,))
        return [App(*row) for row in found]

    def remove(self, app: App) -> None:
        """Forget an app: it can get no tokens any more. A repeat changes nothing."""
        self._db.execute("DELETE FROM apps WHERE app_id = ?", (app.app_id,))

    def close(self) -> None:
        """Close the file."""
        self._db.close()
