"""Recounts engagement: who likes, retweets, keeps and answers what, how often that is, and between whom."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, ClassVar

from schemas.engagements.events import Bookmarked, Liked, Unbookmarked, Unliked
from schemas.tweets.events import Retweeted, RetweetUndone, TweetDeleted, TweetPosted
from streams.replay.recount.port import LIST_LIMIT
from streams.replay.recount.said import Said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.log.port import TopicPartition
    from projections.engagement.read_model import EngagementReader
    from schemas.envelope import Event
    from streams.replay.findings import Finding
    from streams.replay.sample import Sample

Pair = tuple[int, int]
NONE = (0, 0, 0, 0)


class EngagementRecount:
    """Tweets in the sample, and what accounts in the sample did."""

    READS: ClassVar[tuple[type[Event], ...]] = (
        TweetPosted,
        TweetDeleted,
        Retweeted,
        RetweetUndone,
        Liked,
        Unliked,
        Bookmarked,
        Unbookmarked,
    )

    def __init__(self, sample: Sample) -> None:
        self._sample = sample
        self._said = Said()
        self._likes: dict[Pair, tuple[int, int]] = {}  # (user, tweet) → (author, time)
        self._bookmarks: dict[Pair, int] = {}
        self._retweets: dict[int, Retweeted] = {}
        self._responses: dict[int, TweetPosted] = {}
        self._gone: set[int] = set()
        self._tweets: set[int] = set()
        self._users: set[int] = set()

    def take(self, place: TopicPartition, offset: int, event: Event) -> None:
        """Remember what an event says of the entities in the sample."""
        if isinstance(event, TweetDeleted | RetweetUndone):
            self._gone.add(event.tweet_id)
        elif isinstance(event, Liked | Unliked | Bookmarked | Unbookmarked):
            if self._concerns(place, offset, event.user_id, event.tweet_id):
                self._mark(event)
        elif isinstance(event, Retweeted):
            if self._concerns(place, offset, event.author_id, event.original_id):
                self._retweets.setdefault(event.tweet_id, event)
        elif isinstance(event, TweetPosted) and (event.reply_to_tweet_id or event.quoted_tweet_id):
            about = (event.reply_to_tweet_id or 0, event.quoted_tweet_id or 0)
            if self._concerns(place, offset, event.author_id, *about):
                self._responses.setdefault(event.tweet_id, event)

    def _concerns(self, place: TopicPartition, offset: int, user: int, *tweets: int) -> bool:
        users = [user] if self._sample.has_user(user) else []
        about = [it for it in tweets if it and self._sample.has_tweet(it)]
        if not users and not about:
            return False
        self._users.update(users)
        self._tweets.update(about)
        self._said.note(place, offset, *users, *about)
        return True

    def _mark(self, event: Liked | Unliked | Bookmarked | Unbookmarked) -> None:
        pair, at_ms = (event.user_id, event.tweet_id), event.envelope.occurred_at_ms
        if isinstance(event, Liked):
            self._likes.setdefault(pair, (event.author_id, at_ms))
        elif isinstance(event, Unliked):
            self._likes.pop(pair, None)
        elif isinstance(event, Bookmarked):
            self._bookmarks.setdefault(pair, at_ms)
        else:
            self._bookmarks.pop(pair, None)

    def entities(self) -> int:
        """Return how many are compared."""
        return len(self._tweets) + len(self._users)

    def differences(self, reader: EngagementReader) -> Iterator[Finding]:
        """Compare with what the reader answers."""
        retweets = [it for it in self._retweets.values() if it.tweet_id not in self._gone]
        responses = [it for it in self._responses.values() if it.tweet_id not in self._gone]
        likers, retweeters, kept = (defaultdict[int, list[Pair]](list) for _ in range(3))
        for (user, tweet), (_, at_ms) in self._likes.items():
            likers[tweet].append((at_ms, user))
        for it in retweets:
            retweeters[it.original_id].append((it.envelope.occurred_at_ms, it.author_id))
        for (user, tweet), at_ms in self._bookmarks.items():
            kept[user].append((at_ms, tweet))
        replies = Counter(it.reply_to_tweet_id for it in responses if it.reply_to_tweet_id)
        quotes = Counter(it.quoted_tweet_id for it in responses if it.quoted_tweet_id)
        found = reader.counts(self._tweets)
        for tweet in self._tweets:
            expected = (len(likers[tweet]), len(retweeters[tweet]), replies[tweet], quotes[tweet])
            if expected != (told := tuple(found.get(tweet, NONE))):
                yield self._said.difference("likes, retweets, replies, quotes of", tweet, expected, told)
        for what, ids, lists, read in (
            ("likers of", self._tweets, likers, reader.likers),
            ("retweeters of", self._tweets, retweeters, reader.retweeters),
            ("bookmarks of", self._users, kept, reader.bookmarks),
        ):
            for of in ids:
                newest = sorted(lists[of], reverse=True)[:LIST_LIMIT]
                if newest != (listed := [tuple(it) for it in read(of, None, LIST_LIMIT)]):
                    yield self._said.difference(what, of, newest, listed)
        yield from self._between(retweets, responses, reader)

    def _between(self, retweets: list[Retweeted], responses: list[TweetPosted], reader: Any) -> Iterator[Finding]:
        done = Counter[Pair]()
        done.update((user, author) for (user, _), (author, _) in self._likes.items())
        done.update((it.author_id, it.original_author_id) for it in retweets)
        done.update((it.author_id, it.reply_to_author_id or 0) for it in responses if it.reply_to_tweet_id)
        done.update((it.author_id, it.quoted_author_id or 0) for it in responses if it.quoted_tweet_id)
        by_viewer = defaultdict[int, dict[int, int]](dict)
        for (viewer, author), n in done.items():
            if viewer != author:
                by_viewer[viewer][author] = n
        for viewer in self._users:
            if (told := reader.interactions(viewer, list(by_viewer[viewer]))) != by_viewer[viewer]:
                yield self._said.difference("interactions of", viewer, by_viewer[viewer], told)
