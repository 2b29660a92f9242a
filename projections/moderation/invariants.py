"""What of the moderation file is content, and what always holds in it."""

from __future__ import annotations

from infra.sqlite.content import Content, Invariant, Table

CONTENT = Content(
    tables=(
        Table("cases", ("subject_id",)),
        Table("reports", ("subject_id", "reporter_id")),
        Table("queue", ("at_ms", "subject_id")),
        Table("audit", ("event_id",)),
        Table("denied_topics", ("topic",)),
    ),
    invariants=(
        Invariant(
            "what was reported is a case",
            "SELECT subject_id FROM reports WHERE subject_id NOT IN (SELECT subject_id FROM cases)",
        ),
        Invariant(
            "an open case stands in the queue where it says",
            """SELECT subject_id FROM cases WHERE queued_ms > 0
               AND NOT EXISTS (SELECT 1 FROM queue q WHERE q.at_ms = queued_ms AND q.subject_id = cases.subject_id)""",
        ),
        Invariant(
            "a decided case has a moderator", "SELECT subject_id FROM cases WHERE decided_ms > 0 AND action = ''"
        ),
    ),
)
