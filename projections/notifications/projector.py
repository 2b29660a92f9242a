"""Decides what an event changes in who is notified of what, and in what was read and is wanted.

Consumes:   TweetPosted, Retweeted, RetweetUndone, Liked, Unliked, Followed, Unfollowed, NotificationsRead,
            NotificationsSwitched
Writes:     nothing itself; returns the NamedTuples below for the store
Guarantee:  the same events give the same writes; no clock, no I/O
Rebuild:    safe from position 0, in any interleaving that keeps each key's order: what concerns one (recipient, tweet,
            kind, actor) is said under one key, and a user's marks under the user's own
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from projections.notifications.notices import taken_back, told
from projections.notifications.read_model import KINDS
from schemas.engagements.events import Unliked
from schemas.follows.events import Unfollowed
from schemas.notifications.events import NotificationsRead, NotificationsSwitched
from schemas.tweets.events import RetweetUndone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.envelope import Event


class Tell(NamedTuple):
    """The notice is there since that time, unless it was before, and stands or not."""

    recipient_id: int
    tweet_id: int
    kind: int
    actor_id: int
    at_ms: int
    stands: bool = True


class Recall(NamedTuple):
    """The notice does not stand."""

    recipient_id: int
    tweet_id: int
    kind: int
    actor_id: int


class MarkRead(NamedTuple):
    """All up to that time is read; an earlier time changes nothing."""

    user_id: int
    up_to_ms: int


class Switch(NamedTuple):
    """The kind is wanted, or not."""

    user_id: int
    kind: int
    off: bool


Key = tuple[int, int, int, int]
Write = Tell | Recall | MarkRead | Switch
_ENDS = (Unliked, Unfollowed, RetweetUndone)


def project(events: Sequence[Event]) -> list[Write]:
    """Return the writes of a batch: of each notice the first time and the last word, all of one table together."""
    notices: dict[Key, Tell | Recall] = {}
    marks: list[MarkRead] = []
    switches: dict[tuple[int, int], Switch] = {}
    for event in events:
        if said := told(event):
            for notice in said:
                known = notices.get(notice[:4])
                notices[notice[:4]] = Tell(*(known[:5] if isinstance(known, Tell) else notice))
        elif isinstance(event, _ENDS):
            for notice in taken_back(event):
                known = notices.get(notice[:4])
                ended = known._replace(stands=False) if isinstance(known, Tell) else Recall(*notice[:4])
                notices[notice[:4]] = ended
        elif isinstance(event, NotificationsRead):
            marks.append(MarkRead(event.user_id, event.up_to_ms))
        elif isinstance(event, NotificationsSwitched):
            for switch in _switches(event):
                switches[switch[:2]] = switch
    recalled: list[Write] = [it for it in notices.values() if isinstance(it, Recall)]
    return [*recalled, *(it for it in notices.values() if isinstance(it, Tell)), *marks, *switches.values()]


def _switches(event: NotificationsSwitched) -> list[Switch]:
    """Kinds that this version does not know are another's business."""
    return [Switch(event.user_id, KINDS[word], not wanted) for word, wanted in event.wanted.items() if word in KINDS]
