"""What of the notifications' file is content, and what always holds in it."""

from __future__ import annotations

from infra.sqlite.content import Content, Invariant, Table
from projections.notifications.read_model import MINUTE_MS

_LISTED = f"SELECT recipient_id, at_ms / {MINUTE_MS} AS minute, tweet_id, kind FROM notices"
_ENTRIES = "SELECT recipient_id, minute, tweet_id, kind FROM entries"

CONTENT = Content(
    tables=(
        Table("notices", ("recipient_id", "tweet_id", "kind", "actor_id")),
        Table("entries", ("recipient_id", "minute", "tweet_id", "kind")),
        Table("marks", ("user_id",)),
        Table("switches", ("user_id", "kind")),
    ),
    invariants=(
        Invariant("every notice is in its recipient's list", f"{_LISTED} EXCEPT {_ENTRIES}"),
        Invariant("every entry of a list has a notice", f"{_ENTRIES} EXCEPT {_LISTED}"),
        Invariant("nobody is notified of own doings", "SELECT recipient_id FROM notices WHERE recipient_id = actor_id"),
    ),
)
