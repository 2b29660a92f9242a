"""What may be read about notifications: kinds, shapes and the reader's port.

A notice says that an actor did something that concerns a recipient. Notices of one kind, tweet and day (UTC) are shown
as one: a group. It stands in the recipient's list, newest first, at the minute of its newest notice that shows. The
list therefore has an entry for each minute in which a group had a notice; the reader's caller passes by those that
are not the minute of the newest one any more. So a list costs its groups and minutes, never its notices, and nothing
in it ever moves: a tweet that 100,000 like in a day takes at most 1,440 entries.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from infra.projections import ProjectionReader
from schemas.ids import to_uuid

if TYPE_CHECKING:
    from collections.abc import Collection

PROJECTION = "notifications"
TOPICS = ("tweets", "follows", "engagements", "notifications")

MINUTE_MS = 60_000
DAY_MS = 86_400_000
NO_TWEET = 0
"""In place of the tweet of a follow."""


class Kind(IntEnum):
    """What was done; the numbers are stored."""

    MENTION = 1
    REPLY = 2
    QUOTE = 3
    LIKE = 4
    RETWEET = 5
    FOLLOW = 6

    @property
    def word(self) -> str:
        """The kind as the API says it."""
        return self.name.lower()


KINDS: dict[str, Kind] = {kind.word: kind for kind in Kind}
"""By the word of the API."""


class Entry(NamedTuple):
    """A place in a recipient's list, larger is newer: the group has notices in this minute (unix minutes).

    Compared as a tuple, an entry is also the key that the next page begins below.
    """

    minute: int
    tweet_id: int
    kind: int

    @property
    def group(self) -> Group:
        """The group that has it."""
        return Group(self.kind, self.tweet_id, self.minute * MINUTE_MS // DAY_MS)


class Group(NamedTuple):
    """Notices that are shown as one; `day` counts days since 1970 in UTC."""

    kind: int
    tweet_id: int
    day: int

    @property
    def name(self) -> str:
        """The group's name, the same for as long as it lasts: `like:<tweet>:2026-11-23`, `follow:2026-11-23`."""
        of = [Kind(self.kind).word, to_uuid(self.tweet_id)] if self.tweet_id else [Kind(self.kind).word]
        return ":".join([*of, f"{datetime.fromtimestamp(self.day * DAY_MS // 1000, UTC):%Y-%m-%d}"])


class Did(NamedTuple):
    """Who did it, and when (unix milliseconds)."""

    at_ms: int
    actor_id: int


class Wishes(NamedTuple):
    """What the recipient has read, and the kinds that are switched off."""

    read_up_to_ms: int = 0
    off: frozenset[int] = frozenset()


class NotificationsReader(ProjectionReader, Protocol):
    """Lists of entries, and the notices that stand."""

    def entries(self, user_id: int, before: Entry | None, limit: int) -> list[Entry]:
        """Return entries of the recipient's list, newest first, below `before` (None: from the newest)."""

    def groups(self, user_id: int, groups: Collection[Group], limit: int) -> dict[Group, list[Did]]:
        """Return the newest notices of each of the recipient's groups that stand, newest first; absent: none."""

    def wishes(self, user_id: int) -> Wishes:
        """Return what the recipient has read and wants."""
