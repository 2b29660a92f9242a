"""Loads the notifications' file at once.

Consumes:   the writes of projections.notifications.projector
Writes:     as projections.notifications.sqlite; the list follows from the notices at the end
Guarantee:  see infra.sqlite.bulk
Rebuild:    delete the file
"""

from __future__ import annotations

from infra.sqlite.bulk import SqliteBulkStore
from projections.notifications.read_model import MINUTE_MS
from projections.notifications.sqlite import SqliteNotificationsStore


class SqliteNotificationsBulk(SqliteBulkStore):
    """The one writer of notifications while they are loaded."""

    STORE = SqliteNotificationsStore
    COUNT = f"""
    INSERT INTO entries SELECT DISTINCT recipient_id, at_ms / {MINUTE_MS}, tweet_id, kind FROM notices;
    """
