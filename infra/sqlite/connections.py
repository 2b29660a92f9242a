"""Opens SQLite files: writers with a stated durability, readers that cannot write.

apsw bundles its own SQLite: the standard library's may be below 3.51.3, whose WAL-reset bug corrupts files.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import apsw

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

OLDEST_SAFE_SQLITE = (3, 51, 3)
BUSY_TIMEOUT_MS = 10_000  # a group commit holds the write lock for an fsync: milliseconds; ten seconds is a hang
CACHE_KIB = 16_384
MMAP_BYTES = 1 << 30  # address space, not memory: reads skip a copy


class Durability(enum.StrEnum):
    """What a commit survives: FULL a power cut, NORMAL a kill of the process (for what can be rebuilt)."""

    FULL = "FULL"
    NORMAL = "NORMAL"


def open_writer(path: Path, durability: Durability, vfs: str | None = None) -> apsw.Connection:
    """Open (and create) a file for writing, in WAL mode; what is deleted is overwritten."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = apsw.Connection(str(path), vfs=vfs)
    _tune(connection)
    pragmas = ("journal_mode=WAL", f"synchronous={durability}", "foreign_keys=OFF", "wal_autocheckpoint=1000")
    for pragma in (*pragmas, "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    return connection


def open_reader(path: Path) -> apsw.Connection:
    """Open an existing file read-only; raises apsw.CantOpenError where it does not exist yet."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    connection = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    _tune(connection)
    connection.execute("PRAGMA query_only=1").fetchall()
    return connection


def rows(connection: apsw.Connection, sql: str, bindings: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Return all rows of a query; the columns' types are the schema's promise."""
    return connection.execute(sql, bindings).fetchall()


def scalar(connection: apsw.Connection, sql: str, bindings: Sequence[Any] = ()) -> Any:
    """Return the first column of the first row, or None where there is no row."""
    row = connection.execute(sql, bindings).fetchone()
    return None if row is None else row[0]


def run_script(connection: apsw.Connection, script: str) -> None:
    """Run the statements of a schema, each to its end (apsw stops at the first that returns rows)."""
    for _ in connection.execute(script):
        pass


def is_disk_trouble(error: Exception) -> bool:
    """Tell whether SQLite failed for the disk's or a lock's sake, not for the statement's: worth another try."""
    return isinstance(error, apsw.FullError | apsw.IOError | apsw.ReadOnlyError | apsw.BusyError | apsw.CantOpenError)


def _tune(connection: apsw.Connection) -> None:
    connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    for pragma in (f"cache_size=-{CACHE_KIB}", f"mmap_size={MMAP_BYTES}", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
