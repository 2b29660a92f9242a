"""Says how notifications lie in CQL: the tables, the statements that write them, and which partition a row is in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.cql.projection_tables import put
from projections.notifications.read_model import DAY_MS
from schemas.ids import LOW_BITS

if TYPE_CHECKING:
    from collections.abc import Mapping

WEEK_MS = 7 * DAY_MS
ALWAYS = 1
"""The timestamp of rows that say nothing but that they are."""
_ERA_BITS = LOW_BITS + 33  # 2^33 ms: 99 days

TABLES: Mapping[str, str] = {
    "told": """(
        actor_id bigint, era int, tweet_id bigint, kind tinyint, recipient_id bigint, stands boolean, at_ms bigint,
        PRIMARY KEY ((actor_id, era), tweet_id, kind, recipient_id))""",
    "notice_groups": """(
        recipient_id bigint, tweet_id bigint, kind tinyint, day int, at_ms bigint, actor_id bigint, stands boolean,
        PRIMARY KEY ((recipient_id, tweet_id, kind, day), at_ms, actor_id))
        WITH CLUSTERING ORDER BY (at_ms DESC, actor_id DESC)""",
    "notice_entries": """(
        recipient_id bigint, week int, minute int, tweet_id bigint, kind tinyint,
        PRIMARY KEY ((recipient_id, week), minute, tweet_id, kind))
        WITH CLUSTERING ORDER BY (minute DESC, tweet_id DESC, kind DESC)""",
    "notice_weeks": """(
        recipient_id bigint, week int, PRIMARY KEY (recipient_id, week)) WITH CLUSTERING ORDER BY (week DESC)""",
    "read_marks": "(user_id bigint PRIMARY KEY, up_to_ms bigint)",
    "notice_switches": "(user_id bigint, kind tinyint, off boolean, PRIMARY KEY (user_id, kind))",
}


PUT_TOLD = put("told", "actor_id, era, tweet_id, kind, recipient_id, stands, at_ms")
PUT_GROUP = put("notice_groups", "recipient_id, tweet_id, kind, day, at_ms, actor_id, stands")
PUT_ENTRY = put("notice_entries", "recipient_id, week, minute, tweet_id, kind")
PUT_WEEK = put("notice_weeks", "recipient_id, week")
PUT_MARK = put("read_marks", "user_id, up_to_ms")
PUT_SWITCH = put("notice_switches", "user_id, kind, off")

TOLD = (
    "SELECT actor_id, tweet_id, kind, recipient_id, stands, at_ms, WRITETIME(stands) FROM told{g}"
    " WHERE actor_id IN ? AND era = ? AND tweet_id IN ?"
)


def era_of(tweet_id: int) -> int:
    """Return the era of a tweet; follows, which have none, share the first."""
    return tweet_id >> _ERA_BITS


def week_of(at_ms: int) -> int:
    """Return the week of a time, counted since 1970."""
    return at_ms // WEEK_MS
