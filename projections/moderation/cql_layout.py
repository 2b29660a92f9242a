"""Where moderation stands on Scylla or Cassandra: the tables, and into which partition of them each row goes.

What is listed by time is cut by days, which `moderation_days` names: one partition a day, below 100,000 rows up to as
many reports a day. A case has a partition for its reports and one for its audit, as large as people make it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.ids import unix_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

DAY_MS = 86_400_000
QUEUE, AUDIT = 0, 1
"""Lists that are cut by days."""
ALWAYS = 1
"""The timestamp of rows that several log partitions write, all of them the same and for ever."""
ALL = 0
"""The one partition of what is read as a whole."""

TABLES: Mapping[str, str] = {
    "cases": """(
        subject_id bigint PRIMARY KEY, subject_kind text, owner_id bigint, status text, queued_ms bigint,
        claimed_by bigint, claimed_ms bigint, action text, label text, until_ms bigint, reason text,
        decided_by bigint, decided_ms bigint, appeal text, appealed_ms bigint, upheld int)""",
    "reports": """(
        subject_id bigint, reporter_id bigint, reason text, comment text, at_ms bigint,
        PRIMARY KEY (subject_id, reporter_id))""",
    "moderation_days": "(list tinyint, day int, PRIMARY KEY (list, day)) WITH CLUSTERING ORDER BY (day DESC)",
    "moderation_queue": """(
        day int, at_ms bigint, subject_id bigint, PRIMARY KEY (day, at_ms, subject_id))
        WITH CLUSTERING ORDER BY (at_ms DESC, subject_id DESC)""",
    "moderation_audit": """(
        day int, event_id bigint, subject_id bigint, actor_id bigint, did text, said text,
        PRIMARY KEY (day, event_id)) WITH CLUSTERING ORDER BY (event_id DESC)""",
    "moderation_audit_of": """(
        subject_id bigint, event_id bigint, actor_id bigint, did text, said text,
        PRIMARY KEY (subject_id, event_id)) WITH CLUSTERING ORDER BY (event_id DESC)""",
    "denied_topics": "(everything tinyint, topic text, denied boolean, PRIMARY KEY (everything, topic))",
}


def day_of(at_ms: int) -> int:
    """Return the day, since 1970 in UTC."""
    return at_ms // DAY_MS


def day_of_event(event_id: int) -> int:
    """Return the day in which an event's id was given."""
    return day_of(unix_ms(event_id))
