"""Counts things over from the events of a log, with nothing but sets: what any projection must agree with.

Shares no code with the projectors. Tombstones hold: what was deleted stays deleted, whatever comes later.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from schemas import codec
from schemas.engagements.events import Liked, Unliked
from schemas.follows.events import Followed, Unfollowed
from schemas.tweets.events import Retweeted, RetweetUndone, TweetDeleted, TweetPosted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from infra.log.port import LogReader
    from schemas.envelope import Event

READ_RECORDS = 5_000


@dataclass
class Recount:
    """Counts by tweet and by account; what has none is absent."""

    likes: Counter[int] = field(default_factory=Counter)
    retweets: Counter[int] = field(default_factory=Counter)
    replies: Counter[int] = field(default_factory=Counter)
    quotes: Counter[int] = field(default_factory=Counter)
    followers: Counter[int] = field(default_factory=Counter)
    following: Counter[int] = field(default_factory=Counter)
    tweets: Counter[int] = field(default_factory=Counter)
    interactions: Counter[tuple[int, int]] = field(default_factory=Counter)


def recount(events: Iterable[Event]) -> Recount:
    """Count over; the events of one key must be in their order."""
    likes: dict[tuple[int, int], int] = {}
    follows: set[tuple[int, int]] = set()
    posted: dict[int, TweetPosted | Retweeted] = {}
    gone: set[int] = set()
    for event in events:
        if isinstance(event, Liked):
            likes[event.user_id, event.tweet_id] = event.author_id
        elif isinstance(event, Unliked):
            likes.pop((event.user_id, event.tweet_id), None)
        elif isinstance(event, Followed):
            follows.add((event.user_id, event.target_id))
        elif isinstance(event, Unfollowed):
            follows.discard((event.user_id, event.target_id))
        elif isinstance(event, TweetPosted | Retweeted):
            posted[event.tweet_id] = event
        elif isinstance(event, TweetDeleted | RetweetUndone):
            gone.add(event.tweet_id)
    return _counted(likes, follows, [event for tweet_id, event in posted.items() if tweet_id not in gone], gone)


def _counted(
    likes: dict[tuple[int, int], int],
    follows: set[tuple[int, int]],
    standing: list[TweetPosted | Retweeted],
    gone: set[int],
) -> Recount:
    found = Recount()
    for (user, tweet), author in likes.items():
        found.likes[tweet] += 1
        found.interactions[user, author] += 1
    for user, target in follows:
        found.following[user] += 1
        found.followers[target] += 1
    for event in standing:
        if not (isinstance(event, Retweeted) and event.original_id in gone):
            found.tweets[event.author_id] += 1
        if isinstance(event, Retweeted):
            found.retweets[event.original_id] += 1
            found.interactions[event.author_id, event.original_author_id] += 1
            continue
        if event.reply_to_tweet_id and event.reply_to_author_id:
            found.replies[event.reply_to_tweet_id] += 1
            found.interactions[event.author_id, event.reply_to_author_id] += 1
        if event.quoted_tweet_id and event.quoted_author_id:
            found.quotes[event.quoted_tweet_id] += 1
            found.interactions[event.author_id, event.quoted_author_id] += 1
    for viewer, author in list(found.interactions):
        if viewer == author:
            del found.interactions[viewer, author]
    return found


def events_of(log: LogReader, topics: Iterable[str]) -> Iterator[Event]:
    """Return every event of the topics, partition by partition."""
    for topic in topics:
        for partition in range(log.partitions(topic)):
            offset = 0
            while batch := log.read(topic, partition, offset, READ_RECORDS):
                yield from map(codec.decode, batch.values)
                offset = batch.next_offset
