"""Keeps moderation in SQLite.

Consumes:   the writes of projections.moderation.projector
Writes:     cases (subject → how it stands), reports (subject, reporter → why), queue (time, subject: where the case
            stood), audit (event → what was done), denied_topics (topic → whether)
Guarantee:  see infra.sqlite.projection_store
Rebuild:    delete the file
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from infra.sqlite.connections import rows
from infra.sqlite.id_sets import id_set
from infra.sqlite.projection_store import SqliteProjectionReader, SqliteProjectionStore
from projections.moderation.projector import BlankReport, Deny, SetCase
from projections.moderation.read_model import MOST_REPORTS, OPEN, Audited, Case, Entry, Report
from schemas.ids import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_SET = tuple(name for name in SetCase._fields if name != "subject_id")
_DEFAULTS = {"subject_kind": "''", "owner_id": "0", "status": f"'{OPEN}'", "queued_ms": "0"} | {
    name: repr(value) for name, value in Case._field_defaults.items()
}
_PUT_CASE = """
INSERT INTO cases VALUES (?1, {})
ON CONFLICT DO UPDATE SET {}
""".format(
    ", ".join(f"coalesce(?{at}, {_DEFAULTS[name]})" for at, name in enumerate(_SET, 2)),
    ", ".join(f"{name} = coalesce(?{at}, {name})" for at, name in enumerate(_SET, 2)),
)


class SqliteModerationStore(SqliteProjectionStore):
    """The one writer of moderation."""

    SCHEMA = """
    CREATE TABLE IF NOT EXISTS cases (
        subject_id INTEGER PRIMARY KEY, subject_kind TEXT NOT NULL, owner_id INTEGER NOT NULL, status TEXT NOT NULL,
        queued_ms INTEGER NOT NULL, claimed_by INTEGER NOT NULL, claimed_ms INTEGER NOT NULL, action TEXT NOT NULL,
        label TEXT NOT NULL, until_ms INTEGER NOT NULL, reason TEXT NOT NULL, decided_by INTEGER NOT NULL,
        decided_ms INTEGER NOT NULL, appeal TEXT NOT NULL, appealed_ms INTEGER NOT NULL, upheld INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS reports (
        subject_id INTEGER, reporter_id INTEGER, reason TEXT NOT NULL, comment TEXT NOT NULL, at_ms INTEGER NOT NULL,
        PRIMARY KEY (subject_id, reporter_id)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS queue (
        at_ms INTEGER, subject_id INTEGER, PRIMARY KEY (at_ms, subject_id)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS audit (
        event_id INTEGER PRIMARY KEY, subject_id INTEGER NOT NULL, actor_id INTEGER NOT NULL, did TEXT NOT NULL,
        said TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS audit_by_subject ON audit (subject_id);
    CREATE TABLE IF NOT EXISTS denied_topics (topic TEXT PRIMARY KEY, denied INTEGER NOT NULL) WITHOUT ROWID;
    """
    STATEMENTS: ClassVar[Mapping[type[Any], str]] = {
        SetCase: _PUT_CASE,
        Report: "INSERT OR REPLACE INTO reports VALUES (?, ?, ?, ?, ?)",
        BlankReport: "UPDATE reports SET comment = '' WHERE subject_id = ? AND reporter_id = ?",
        Entry: "INSERT OR IGNORE INTO queue VALUES (?, ?)",
        Audited: "INSERT OR IGNORE INTO audit VALUES (?, ?, ?, ?, ?)",
        Deny: "INSERT OR REPLACE INTO denied_topics VALUES (?, ?)",
    }


_QUEUE = """
SELECT at_ms, subject_id FROM queue WHERE (at_ms, subject_id) < (?, ?) ORDER BY at_ms DESC, subject_id DESC LIMIT ?
"""
_CASES = "SELECT cases.* FROM json_each(?) AS wanted CROSS JOIN cases ON subject_id = wanted.value"
_REPORTS = f"SELECT * FROM reports WHERE subject_id = ? ORDER BY reporter_id LIMIT {MOST_REPORTS}"
_AUDIT = "SELECT * FROM audit WHERE {} event_id < ? ORDER BY event_id DESC LIMIT ?"


class SqliteModerationReader(SqliteProjectionReader):
    """Reads moderation (ModerationReader)."""

    def queue(self, before: Entry | None, limit: int) -> list[Entry]:
        """Return entries of the queue, newest first, below `before` (None: from the newest)."""
        return [Entry(*row) for row in rows(self._connection, _QUEUE, (*(before or (MAX_ID, MAX_ID)), limit))]

    def cases(self, subject_ids: Collection[int]) -> dict[int, Case]:
        """Return the cases that there are among the subjects."""
        return {row[0]: Case._make(row) for row in rows(self._connection, _CASES, (id_set(subject_ids),))}

    def reports(self, subject_ids: Collection[int]) -> dict[int, list[Report]]:
        """Return up to MOST_REPORTS reports of each subject, by the reporter's id; absent: none."""
        found = {it: [Report(*row) for row in rows(self._connection, _REPORTS, (it,))] for it in subject_ids}
        return {subject_id: reports for subject_id, reports in found.items() if reports}

    def audit_of(self, subject_id: int, before: int | None, limit: int) -> list[Audited]:
        """Return what was done about a subject, newest first, below an event's id (None: from the newest)."""
        below = MAX_ID if before is None else before
        found = rows(self._connection, _AUDIT.format("subject_id = ? AND"), (subject_id, below, limit))
        return [Audited(*row) for row in found]

    def audit(self, before: int | None, limit: int) -> list[Audited]:
        """Return what was done, newest first, below an event's id (None: from the newest)."""
        below = MAX_ID if before is None else before
        return [Audited(*row) for row in rows(self._connection, _AUDIT.format(""), (below, limit))]

    def denied(self) -> frozenset[str]:
        """Return the topics that must not trend."""
        return frozenset(row[0] for row in rows(self._connection, "SELECT topic FROM denied_topics WHERE denied"))
