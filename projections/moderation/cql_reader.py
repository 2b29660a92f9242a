"""Reads moderation on Scylla or Cassandra: see projections.moderation.cql_layout for where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.cql.many import read_many
from infra.cql.projection_store import CqlProjectionReader
from infra.cql.session import Call
from projections.moderation.cql_layout import ALL, AUDIT, QUEUE, day_of, day_of_event
from projections.moderation.read_model import MOST_REPORTS, OPEN, PROJECTION, Audited, Case, Entry, Report
from schemas.ids import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_CASES = f"SELECT {', '.join(Case._fields)} FROM cases{{g}} WHERE subject_id IN ?"
_REPORTS = f"SELECT {', '.join(Report._fields)} FROM reports{{g}} WHERE subject_id = ? LIMIT {MOST_REPORTS}"
_DAYS = "SELECT day FROM moderation_days{g} WHERE list = ? AND day <= ?"
_QUEUE = "SELECT at_ms, subject_id FROM moderation_queue{g} WHERE day = ? AND (at_ms, subject_id) < (?, ?) LIMIT ?"
_AUDIT = f"SELECT {', '.join(Audited._fields)} FROM moderation_audit{{g}} WHERE day = ? AND event_id < ? LIMIT ?"
_AUDIT_OF = (
    f"SELECT {', '.join(Audited._fields)} FROM moderation_audit_of{{g}} WHERE subject_id = ? AND event_id < ? LIMIT ?"
)
_DENIED = "SELECT topic, denied FROM denied_topics{g} WHERE everything = ?"
_LAST_DAY = 2**31 - 1
_DEFAULTS: dict[str, Any] = {"subject_kind": "", "owner_id": 0, "status": OPEN, "queued_ms": 0, **Case._field_defaults}


class CqlModerationReader(CqlProjectionReader):
    """Reads moderation (ModerationReader)."""

    PROJECTION = PROJECTION

    def queue(self, before: Entry | None, limit: int) -> list[Entry]:
        """Return entries of the queue, newest first, below `before` (None: from the newest)."""
        below = before or Entry(MAX_ID, MAX_ID)
        last = _LAST_DAY if before is None else day_of(before.at_ms)
        found = self._by_days(QUEUE, last, lambda day, left: Call(self.cql(_QUEUE), (day, *below, left)), limit)
        return [Entry(*row) for row in found]

    def _by_days(self, of: int, last: int, call: Callable[[int, int], Call], limit: int) -> list[Any]:
        found: list[Any] = []
        for (day,) in self.session.run(self.cql(_DAYS), (of, last)):
            found += self.session.run_all([call(day, limit - len(found))])[0]
            if len(found) == limit:
                break
        return found

    def cases(self, subject_ids: Collection[int]) -> dict[int, Case]:
        """Return the cases that there are among the subjects."""
        return {row[0]: _case(row) for row in read_many(self.session, self.cql(_CASES), subject_ids)}

    def reports(self, subject_ids: Collection[int]) -> dict[int, list[Report]]:
        """Return up to MOST_REPORTS reports of each subject, by the reporter's id; absent: none."""
        answers = self.session.run_all([Call(self.cql(_REPORTS), (it,)) for it in subject_ids])
        return {rows[0][0]: [Report(*row) for row in rows] for rows in answers if rows}

    def audit_of(self, subject_id: int, before: int | None, limit: int) -> list[Audited]:
        """Return what was done about a subject, newest first, below an event's id (None: from the newest)."""
        below = MAX_ID if before is None else before
        return [Audited(*row) for row in self.session.run(self.cql(_AUDIT_OF), (subject_id, below, limit))]

    def audit(self, before: int | None, limit: int) -> list[Audited]:
        """Return what was done, newest first, below an event's id (None: from the newest)."""
        below, last = (MAX_ID, _LAST_DAY) if before is None else (before, day_of_event(before))
        found = self._by_days(AUDIT, last, lambda day, left: Call(self.cql(_AUDIT), (day, below, left)), limit)
        return [Audited(*row) for row in found]

    def denied(self) -> frozenset[str]:
        """Return the topics that must not trend."""
        return frozenset(topic for topic, denied in self.session.run(self.cql(_DENIED), (ALL,)) if denied)


def _case(row: Any) -> Case:
    named = zip(Case._fields, row, strict=True)
    return Case(**{name: _DEFAULTS.get(name, 0) if value is None else value for name, value in named})
