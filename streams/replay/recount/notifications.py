"""Recounts notifications: who was told of what by whom, whether that stands, and what was read and is wanted."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from projections.notifications.read_model import Group
from schemas.engagements.events import Liked, Unliked
from schemas.follows.events import Followed, Unfollowed
from schemas.notifications.events import NotificationsRead, NotificationsSwitched
from schemas.tweets.events import Retweeted, RetweetUndone, TweetPosted
from streams.replay.recount.port import LIST_LIMIT
from streams.replay.recount.said import Said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.log.port import TopicPartition
    from projections.notifications.read_model import NotificationsReader
    from schemas.envelope import Event
    from streams.replay.findings import Finding
    from streams.replay.sample import Sample

WISHES = (NotificationsRead, NotificationsSwitched)
MINUTE_MS, DAY_MS = 60_000, 86_400_000
MENTION, REPLY, QUOTE, LIKE, RETWEET, FOLLOW = range(1, 7)
WORDS = {"mention": MENTION, "reply": REPLY, "quote": QUOTE, "like": LIKE, "retweet": RETWEET, "follow": FOLLOW}


class _Notice(NamedTuple):
    recipient: int
    tweet: int
    kind: int
    actor: int


class NotificationsRecount:
    """Recipients in the sample."""

    READS: ClassVar[tuple[type[Event], ...]] = (
        TweetPosted,
        Retweeted,
        RetweetUndone,
        Liked,
        Unliked,
        Followed,
        Unfollowed,
        *WISHES,
    )

    def __init__(self, sample: Sample) -> None:
        self._sample = sample
        self._said = Said()
        self._first: dict[_Notice, int] = {}
        self._stands: dict[_Notice, bool] = {}
        self._read: dict[int, int] = {}
        self._off: defaultdict[int, set[int]] = defaultdict(set)
        self._users: set[int] = set()

    def take(self, place: TopicPartition, offset: int, event: Event) -> None:
        """Remember what an event says of the entities in the sample."""
        if isinstance(event, WISHES):
            if self._sample.has_user(event.user_id):
                self._users.add(event.user_id)
                self._said.note(place, offset, event.user_id)
                self._wish(event)
            return
        chosen = [it for it in _notices(event) if self._sample.has_user(it[0])]
        notices = [it for it in map(_Notice._make, chosen) if it.recipient != it.actor]
        if not notices:
            return
        stands = not isinstance(event, Unliked | RetweetUndone | Unfollowed)
        for notice in notices:
            self._users.add(notice.recipient)
            self._said.note(place, offset, notice.recipient)
            if stands:
                self._first.setdefault(notice, event.envelope.occurred_at_ms)
            self._stands[notice] = stands

    def _wish(self, event: NotificationsRead | NotificationsSwitched) -> None:
        if isinstance(event, NotificationsRead):
            self._read[event.user_id] = max(event.up_to_ms, self._read.get(event.user_id, 0))
            return
        for word, wanted in event.wanted.items():
            if word in WORDS and wanted:
                self._off[event.user_id].discard(WORDS[word])
            elif word in WORDS:
                self._off[event.user_id].add(WORDS[word])

    def entities(self) -> int:
        """Return how many are compared."""
        return len(self._users)

    def differences(self, reader: NotificationsReader) -> Iterator[Finding]:
        """Compare with what the reader answers."""
        entries: defaultdict[int, set[tuple[int, int, int]]] = defaultdict(set)
        groups: defaultdict[int, dict[Group, list[tuple[int, int]]]] = defaultdict(dict)
        for notice, at_ms in self._first.items():
            entries[notice.recipient].add((at_ms // MINUTE_MS, notice.tweet, notice.kind))
            group = groups[notice.recipient].setdefault(Group(notice.kind, notice.tweet, at_ms // DAY_MS), [])
            if self._stands[notice]:
                group.append((at_ms, notice.actor))
        for user in self._users:
            listed = sorted(entries[user], reverse=True)[:LIST_LIMIT]
            if listed != (told := [tuple(it) for it in reader.entries(user, None, LIST_LIMIT)]):
                yield self._said.difference("notifications of", user, listed, told)
            found = reader.groups(user, list(groups[user]), LIST_LIMIT)
            for of, dids in groups[user].items():
                newest = sorted(dids, reverse=True)[:LIST_LIMIT]
                if newest != (shown := [tuple(it) for it in found.get(of, [])]):
                    yield self._said.difference(f"group {tuple(of)} of", user, newest, shown)
            wishes = reader.wishes(user)
            wanted = (self._read.get(user, 0), self._off[user])
            if wanted != (wishes.read_up_to_ms, set(wishes.off)):
                yield self._said.difference("read up to, and off, of", user, wanted, tuple(wishes))


def _notices(event: Event) -> list[tuple[int, int, int, int]]:
    """Return whom an event tells, or told, of what: the fields of notices."""
    match event:
        case TweetPosted():
            return _of_tweet(event)
        case Retweeted() | RetweetUndone():
            return [(event.original_author_id, event.original_id, RETWEET, event.author_id)]
        case Followed() | Unfollowed():
            return [(event.target_id, 0, FOLLOW, event.user_id)]
        case Liked() | Unliked():
            return [(event.author_id, event.tweet_id, LIKE, event.user_id)]
        case _:
            return []


def _of_tweet(event: TweetPosted) -> list[tuple[int, int, int, int]]:
    kinds = dict.fromkeys((mention.user_id for mention in event.mentions), MENTION)
    if event.quoted_author_id:
        kinds[event.quoted_author_id] = QUOTE
    if event.reply_to_author_id:
        kinds[event.reply_to_author_id] = REPLY
    return [(user, event.tweet_id, kind, event.author_id) for user, kind in kinds.items()]
