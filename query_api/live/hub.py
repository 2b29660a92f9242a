"""The hub: records of the log in, messages to open streams out. Reads the log once, however many streams are open.

Pure but for `fresh`, which looks up what new tweets refer to, and may wait: `prepare` does that, for a whole batch;
`take` then tells everybody, without a wait, so that whoever opens a stream in between misses nothing.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from infra.json_logs import FIELDS
from infra.log.port import TopicPartition
from projections.tweets import rendering
from query_api.live import messages
from query_api.live.index import Index
from query_api.live.messages import Message
from query_api.live.window import Window
from schemas.catalogue import ENGAGEMENTS, FOLLOWS, TWEETS
from schemas.codec import DecodeError, decode
from schemas.ids import to_uuid
from schemas.tweets.events import Retweeted, RetweetUndone, TweetDeleted, TweetPosted

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable, Mapping, Sequence

    from infra.log.port import Batch
    from projections.tweets.read_model import Tweet
    from query_api.live.fresh import Fresh
    from query_api.live.index import Stream, Viewer
    from query_api.live.positions import Positions
    from schemas.envelope import Event

TOPICS = (TWEETS, FOLLOWS, ENGAGEMENTS)
NEW_TWEET = b"new_tweet"
SLOW = "slow"

log = logging.getLogger(__name__)


class Prepared(NamedTuple):
    """A batch, read: its events (None: nobody here is concerned), and the new tweets among them."""

    batch: Batch
    events: list[Event | None]
    fresh: Mapping[int, Fresh]


class Hub:
    """Everything that streams are told."""

    def __init__(
        self, positions: Positions, fresh: Callable[[Sequence[Tweet]], Mapping[int, Fresh]], kept: int
    ) -> None:
        """Begin where the positions are, and keep so many records of each partition for those who come back."""
        self.positions = positions
        self.index = Index()
        self.windows = {place: Window(offset, kept) for place, offset in positions.at.items()}
        self.fresh = fresh
        self._waiting: list[tuple[Mapping[TopicPartition, int], Future[None]]] = []
        self.delivered = 0
        self.on_lost: Callable[[Stream, str], None] = _lose

    # Records

    def prepare(self, batch: Batch) -> Prepared:
        """Decode what concerns somebody here, and look up what new tweets show."""
        events = [self._event(batch.topic, key, value) for key, value in zip(batch.keys, batch.values, strict=True)]
        return Prepared(batch, events, self.fresh(tweets_of(events)))

    def _event(self, topic: str, key: int, value: bytes) -> Event | None:
        if topic == ENGAGEMENTS or (topic == TWEETS and not self.index.has_listeners(key)):
            return None
        return decoded(value)

    def take(self, prepared: Prepared) -> None:
        """Tell everybody whom a batch concerns."""
        batch = prepared.batch
        place = TopicPartition(batch.topic, batch.partition)
        window = self.windows[place]
        for number, event in enumerate(prepared.events):
            offset = batch.base_offset + number
            window.add(offset, batch.keys[number], batch.values[number])
            self.positions.advance(place, offset + 1)
            if event is not None:
                self._tell(event, prepared.fresh)
        self._wake()

    def _tell(self, event: Event, fresh: Mapping[int, Fresh]) -> None:
        match event:
            case TweetPosted(tweet_id=tweet) | Retweeted(tweet_id=tweet) if tweet in fresh:
                self._tell_new(fresh[tweet])
            case TweetDeleted(author_id=author, tweet_id=tweet) | RetweetUndone(author_id=author, tweet_id=tweet):
                message = deleted(tweet, self.positions.text())
                for viewer in self.index.audience(author):
                    self._send_home(viewer, message)
            case _:
                self.index.apply(event)

    def _tell_new(self, fresh: Fresh) -> None:
        audience = audience_of(self.index, fresh)
        if not audience:
            return
        event_id = self.positions.text()
        whole = Message(NEW_TWEET, fresh.body, event_id)
        bare: Message | None = None
        for viewer in audience:
            if fresh.quoted_author and viewer.hides(fresh.quoted_author):
                bare = bare or Message(NEW_TWEET, fresh.without_quote(), event_id)
                self._send_home(viewer, bare)
            else:
                self._send_home(viewer, whole)

    def _send_home(self, viewer: Viewer, message: Message) -> None:
        for stream in viewer.streams:
            if stream.home:
                self.send(stream, message)

    def send(self, stream: Stream, message: Message) -> None:
        """Send a message to one stream; one that is too far behind is given up."""
        if stream.sink.send(message):
            self.delivered += 1
        else:
            self.on_lost(stream, SLOW)

    # Who waits for the hub to have read so far

    def reached(self, vector: Mapping[TopicPartition, int]) -> bool:
        """Tell whether the log was read up to there; partitions that are not followed do not count."""
        at = self.positions.at
        return all(at.get(place, offset) >= offset for place, offset in vector.items())

    def expect(self, vector: Mapping[TopicPartition, int], waiter: Future[None]) -> None:
        """Resolve the waiter when the log was read up to there."""
        self._waiting.append((vector, waiter))

    def _wake(self) -> None:
        if not self._waiting:
            return
        left = []
        for vector, waiter in self._waiting:
            if self.reached(vector) and not waiter.done():
                waiter.set_result(None)
            elif not waiter.done():
                left.append((vector, waiter))
        self._waiting = left


def deleted(tweet_id: int, event_id: str) -> Message:
    """Return the message that a tweet, or a retweet, is gone."""
    return messages.of("tweet_deleted", {"tweet_id": to_uuid(tweet_id)}, event_id)


def decoded(value: bytes) -> Event | None:
    """Return the event, or None where the bytes are none: the streams' dead letters tell of those."""
    try:
        return decode(value)
    except DecodeError as error:
        log.warning("a record cannot be read", extra={FIELDS: {"error": str(error)}})
        return None


def tweets_of(events: Sequence[Event | None]) -> list[Tweet]:
    """Return the rows of the tweets that were posted."""
    return [
        rendering.post(event) if isinstance(event, TweetPosted) else rendering.retweet(event)
        for event in events
        if isinstance(event, TweetPosted | Retweeted)
    ]


def audience_of(index: Index, fresh: Fresh) -> list[Viewer]:
    """Return who is told of a new tweet."""
    tweet = fresh.item.tweet
    return index.audience(tweet.author_id, tweet.parent_author_id, tweet.original_author_id)


def _lose(stream: Stream, reason: str) -> None:
    stream.sink.close(reason)
