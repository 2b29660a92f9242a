"""Decides about notifications. Pure.

Both commands say what holds from now on, whatever held before: they need no look at it, and are always an event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.decision import Concern, Decision
from commands.notifications.answer import PreferencesAnswer, ReadAnswer
from infra.clock import rfc3339
from schemas.catalogue import NOTIFICATIONS
from schemas.notifications.events import NotificationsRead, NotificationsSwitched

if TYPE_CHECKING:
    from commands.decision import Stamp
    from commands.notifications.command import MarkRead, Prefer


def mark_read(command: MarkRead, stamp: Stamp) -> Decision:
    """Mark what was told up to a time; what has not happened yet cannot be read."""
    wanted = stamp.now_ms if command.up_to_ms is None else command.up_to_ms
    up_to_ms = max(0, min(wanted, stamp.now_ms))
    event = NotificationsRead(stamp.envelope(), command.user_id, up_to_ms)
    return Decision(ReadAnswer(rfc3339(up_to_ms)), (event,))


def prefer(command: Prefer, stamp: Stamp) -> Decision:
    """Switch kinds on and off; nothing is said where none is named."""
    answer = PreferencesAnswer(**command.wanted)
    if not command.wanted:
        return Decision(answer, concerns=(Concern(NOTIFICATIONS, command.user_id),))
    return Decision(answer, (NotificationsSwitched(stamp.envelope(), command.user_id, dict(command.wanted)),))
