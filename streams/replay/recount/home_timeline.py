"""Recounts home timelines: what those whom a reader follows have said, by the definition and nothing else."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, ClassVar

from schemas.follows.events import Followed, Unfollowed
from schemas.tweets.events import Retweeted, RetweetUndone, TweetDeleted, TweetPosted
from streams.replay.recount.port import LIST_LIMIT
from streams.replay.recount.said import Said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.log.port import TopicPartition
    from projections.home_timeline.read_model import HomeTimelineReader
    from schemas.envelope import Event
    from streams.replay.findings import Finding
    from streams.replay.sample import Sample

MOST_READERS = 100


class HomeTimelineRecount:
    """The first readers in the sample that follow somebody; what is followed after tweets were heard, is left out."""

    READS: ClassVar[tuple[type[Event], ...]] = (
        Followed,
        Unfollowed,
        TweetPosted,
        Retweeted,
        TweetDeleted,
        RetweetUndone,
    )

    def __init__(self, sample: Sample) -> None:
        self._sample = sample
        self._said = Said()
        self._follows: dict[int, set[int]] = {}
        self._authors: set[int] | None = None
        self._entries: defaultdict[int, dict[int, int]] = defaultdict(dict)  # author → tweet → author of its parent

    def take(self, place: TopicPartition, offset: int, event: Event) -> None:
        """Remember what an event says of the entities in the sample."""
        if isinstance(event, Followed | Unfollowed):
            self._relate(place, offset, event)
        elif isinstance(event, TweetPosted | Retweeted | TweetDeleted | RetweetUndone):
            if self._authors is None:
                self._authors = {*self._follows, *(it for those in self._follows.values() for it in those)}
            if event.author_id not in self._authors:
                return
            self._said.note(place, offset, event.tweet_id)
            if isinstance(event, TweetPosted | Retweeted):
                parent = event.reply_to_author_id if isinstance(event, TweetPosted) else None
                self._entries[event.author_id].setdefault(event.tweet_id, parent or 0)
            else:
                self._entries[event.author_id].pop(event.tweet_id, None)

    def _relate(self, place: TopicPartition, offset: int, event: Followed | Unfollowed) -> None:
        known = event.user_id in self._follows
        if self._authors is not None:  # heard after tweets: those of whom it follows now may have been passed by
            self._follows.pop(event.user_id, None)
            return
        if not known and (len(self._follows) >= MOST_READERS or not self._sample.has_user(event.user_id)):
            return
        self._said.note(place, offset, event.user_id)
        followed = self._follows.setdefault(event.user_id, set())
        (followed.add if isinstance(event, Followed) else followed.discard)(event.target_id)

    def entities(self) -> int:
        """Return how many are compared."""
        return len(self._follows)

    def differences(self, reader: HomeTimelineReader) -> Iterator[Finding]:
        """Compare with what the reader answers."""
        for reader_id, followed in self._follows.items():
            seen = [
                tweet_id
                for author in {*followed, reader_id}
                for tweet_id, parent in self._entries[author].items()
                if author == reader_id or parent in {0, reader_id} or parent in followed
            ]
            expected = sorted(seen, reverse=True)[:LIST_LIMIT]
            if expected != (told := reader.page(reader_id, None, LIST_LIMIT)):
                yield self._said.difference("home timeline of", reader_id, expected, told)
