"""What may be read about moderation: cases, their reports, what moderators did, topics that must not trend.

A case is all that was said about one tweet or account, and has its id. It is open from a report, or an appeal, until a
decision; another report opens it again. It stands in the queue at its last report or appeal; the queue therefore has
an entry for each of those, and whoever reads it passes by the entries that are not the case's last any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from infra.projections import ProjectionReader

if TYPE_CHECKING:
    from collections.abc import Collection

PROJECTION = "moderation"
TOPICS = ("moderation",)

OPEN, DECIDED, APPEALED = "open", "decided", "appealed"
STATUSES = (OPEN, DECIDED, APPEALED)
MOST_REPORTS = 1_000
"""Of one case, that are read."""


class Entry(NamedTuple):
    """A place in the queue, larger is newer (unix milliseconds); compared as a tuple it is also the page's key."""

    at_ms: int
    subject_id: int


class Case(NamedTuple):
    """What stands about a subject. Ids are 0 and texts empty where there is nothing; times are unix milliseconds."""

    subject_id: int
    subject_kind: str
    owner_id: int
    status: str
    queued_ms: int
    claimed_by: int = 0
    claimed_ms: int = 0
    action: str = ""
    label: str = ""
    until_ms: int = 0
    reason: str = ""
    decided_by: int = 0
    decided_ms: int = 0
    appeal: str = ""
    appealed_ms: int = 0
    upheld: int = -1
    """Of the appeal: 1 upheld, 0 undone, -1 neither yet."""


class Report(NamedTuple):
    """Who reported a subject, and why."""

    subject_id: int
    reporter_id: int
    reason: str
    comment: str
    at_ms: int


class Audited(NamedTuple):
    """One thing that was done: `did` is the event's name, `said` what is in it, as JSON."""

    event_id: int
    subject_id: int
    actor_id: int
    did: str
    said: str


class ModerationReader(ProjectionReader, Protocol):
    """The queue, cases, and what was done."""

    def queue(self, before: Entry | None, limit: int) -> list[Entry]:
        """Return entries of the queue, newest first, below `before` (None: from the newest)."""

    def cases(self, subject_ids: Collection[int]) -> dict[int, Case]:
        """Return the cases that there are among the subjects."""

    def reports(self, subject_ids: Collection[int]) -> dict[int, list[Report]]:
        """Return up to MOST_REPORTS reports of each subject, by the reporter's id; absent: none."""

    def audit_of(self, subject_id: int, before: int | None, limit: int) -> list[Audited]:
        """Return what was done about a subject, newest first, below an event's id (None: from the newest)."""

    def audit(self, before: int | None, limit: int) -> list[Audited]:
        """Return what was done, newest first, below an event's id (None: from the newest)."""

    def denied(self) -> frozenset[str]:
        """Return the topics that must not trend."""
