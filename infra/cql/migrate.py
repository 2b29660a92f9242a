"""Makes the tables that are no projection: the .cql files of `migrations/`, in the order of their names, each once.

Every statement says IF NOT EXISTS, so a file that was begun and not recorded is simply applied again. What was applied
may not change: a new file says what is new. A statement ends with `;`, which stands nowhere else.

Guarantee:  repeatable; safe when two run at once and when killed between any two statements
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from infra.clock import SystemClock
from infra.cql.schema import is_scylla, keyspace_statements, keyspaces, statements
from infra.cql.schema_lock import schema_locked
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from infra.cql.session import CqlSession
    from infra.settings import Settings

FOLDER = Path(__file__).parent / "migrations"


class Migration(NamedTuple):
    """One file."""

    name: str
    checksum: str
    statements: Sequence[str]


def migrations(settings: Settings, folder: Path = FOLDER) -> list[Migration]:
    """Return the files of the folder, in order."""
    return [_read(path, settings) for path in sorted(folder.glob("*.cql"))]


def migrate(
    session: CqlSession, settings: Settings, folder: Path = FOLDER, say: Callable[[str], None] = lambda _: None
) -> list[str]:
    """Apply what was not applied yet, in a session without keyspace; return the names of the files applied.

    Raises TroubleError where an applied file is another than it was, StoreError where the server refuses.
    """
    known = migrations(settings, folder)
    for statement in (*keyspace_statements(settings, scylla=is_scylla(session)), *known[0].statements):
        session.execute(statement)
    with schema_locked(session, settings, say) as renew:
        waiting = unapplied(known, applied(session, settings))
        for migration in waiting:
            for statement in migration.statements:
                renew()
                session.execute(statement)
            _record(session, settings, migration)
    return [migration.name for migration in waiting]


def applied(session: CqlSession, settings: Settings) -> dict[str, str]:
    """Return the checksums of what was applied, by name."""
    rows = session.run(f"SELECT name, checksum FROM {keyspaces(settings).lwt}.migrations")
    return {row[0]: row[1] for row in rows}


def unapplied(known: Sequence[Migration], recorded: Mapping[str, str]) -> list[Migration]:
    """Return what is to be applied; raises TroubleError where what was applied is not what stands here."""
    names = {migration.name for migration in known}
    if strange := sorted(recorded.keys() - names):
        raise TroubleError(f"the tables are of a newer version, which has {strange[0]}", "run that version")
    for migration in known:
        if recorded.get(migration.name, migration.checksum) != migration.checksum:
            what = f"{migration.name} was changed after it was applied"
            raise TroubleError(what, "restore it, and put what is new into a file of its own")
    return [migration for migration in known if migration.name not in recorded]


def _read(path: Path, settings: Settings) -> Migration:
    text = path.read_text()
    return Migration(path.stem, hashlib.sha256(text.encode()).hexdigest(), statements(text, settings))


def _record(session: CqlSession, settings: Settings, migration: Migration) -> None:
    table = f"{keyspaces(settings).lwt}.migrations"
    query = f"INSERT INTO {table} (name, checksum, applied_at_ms) VALUES (?, ?, ?) IF NOT EXISTS"
    session.run(query, (migration.name, migration.checksum, SystemClock().now_ms()), idempotent=False)
