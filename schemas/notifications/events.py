"""Facts about what accounts do with their notifications; topic `notifications`, key: user_id.

What accounts are notified of is no fact of its own: it follows from tweets, follows and likes.
"""

from __future__ import annotations

from schemas.envelope import Event


class NotificationsRead(Event, frozen=True):
    """`user_id` has read all notifications of times up to `up_to_ms`, unix milliseconds, that one included."""

    user_id: int
    up_to_ms: int


class NotificationsSwitched(Event, frozen=True):
    """`user_id` wants notifications of a kind from now on, or no longer; kinds that are not named stay as they were."""

    user_id: int
    wanted: dict[str, bool] = {}
