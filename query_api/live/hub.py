"""The hub: records of the log in, messages to open streams out. Reads the log once, however many streams are open.

Pure but for `fresh`, which looks up what new tweets refer to, and may wait: `prepare` does that, for a whole batch;
`take` then tells everybody, without a wait. Nobody opens a stream between the two (query_api.live.service).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from infra.json_logs import FIELDS
from infra.log.port import TopicPartition
from infra.projections import RejectedWriteError
from projections.tweets import rendering
from query_api.live import messages
from query_api.live.counters import Counters
from query_api.live.index import Index
from query_api.live.messages import Message
from query_api.live.window import Window
from schemas.catalogue import ENGAGEMENTS, FOLLOWS, TWEETS
from schemas.codec import DecodeError, decode
from schemas.ids import to_uuid
from schemas.sealing import SealsAwayError
from schemas.tweets.events import Retweeted, RetweetUndone, TweetDeleted, TweetModerated, TweetPosted

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from infra.log.port import Batch
    from projections.tweets.read_model import Tweet
    from query_api.live.fresh import Fresh
    from query_api.live.index import Stream, Viewer
    from query_api.live.positions import Positions, Vector
    from schemas.envelope import Event

TOPICS = (TWEETS, FOLLOWS, ENGAGEMENTS)
NEW_TWEET = b"new_tweet"
MODERATED = "tweet_moderated"
SLOW = "slow"

log = logging.getLogger(__name__)


class Prepared(NamedTuple):
    """A batch, read: its events (None: nobody here is concerned), and the new tweets among them."""

    batch: Batch
    events: list[Event | None]
    fresh: Mapping[int, Fresh]


class Hub:
    """Everything that streams are told; `at` is how far the log was read."""

    def __init__(
        self,
        positions: Positions,
        starts: Vector,
        fresh: Callable[[Sequence[Tweet], Callable[[Tweet], Sequence[Viewer]]], Mapping[int, Fresh]],
        kept: int,
        lose: Callable[[Stream, str], None],
    ) -> None:
        """Begin at `starts`, and keep so many records of each partition for those who come back.

        `lose` ends a stream that is too far behind to be told more.
        """
        self.positions = positions
        self.at = dict(starts)
        self.index = Index()
        self.counters = Counters()
        self.windows = {place: Window(offset, kept) for place, offset in starts.items()}
        self.fresh = fresh
        self._lose = lose
        self._waiting: list[tuple[Mapping[TopicPartition, int], Future[None]]] = []
        self.delivered = 0

    # Records

    def prepare(self, batch: Batch) -> Prepared:
        """Decode what concerns somebody here, and look up what new tweets show."""
        events = [self._event(batch.topic, key, value) for key, value in zip(batch.keys, batch.values, strict=True)]
        told = (event for event in events if event is not None and self.index.has_listeners(_author(event)))
        return Prepared(batch, events, self.fresh(tweets_of(told), self.audience))

    def _event(self, topic: str, key: int, value: bytes) -> Event | None:
        if topic == FOLLOWS or (topic == TWEETS and (self.counters.watched or self.index.has_listeners(key))):
            return decoded(value)
        return None

    def take(self, prepared: Prepared) -> None:
        """Tell everybody whom a batch concerns."""
        batch = prepared.batch
        place = TopicPartition(batch.topic, batch.partition)
        window = self.windows[place]
        for number, (key, value, event) in enumerate(zip(batch.keys, batch.values, prepared.events, strict=True)):
            offset = batch.base_offset + number
            window.add(offset, key, value)
            self.at[place] = offset + 1
            if batch.topic == TWEETS:
                self.positions.advance(place, offset + 1)
            elif batch.topic == ENGAGEMENTS and key in self.counters.watched:
                self.counters.touch((key,), place, offset)
            if event is not None:
                self.counters.touch(_counted(event), place, offset)
                self._tell(event, prepared.fresh)
        self._wake()

    def _tell(self, event: Event, fresh: Mapping[int, Fresh]) -> None:
        match event:
            case TweetPosted(tweet_id=tweet) | Retweeted(tweet_id=tweet):
                if tweet in fresh:
                    self._tell_new(fresh[tweet])
            case TweetDeleted(author_id=author, tweet_id=tweet) | RetweetUndone(author_id=author, tweet_id=tweet):
                self._tell_deleted(author, tweet)
            case TweetModerated():
                self._tell_moderated(event)
            case _:
                self.index.apply(event)

    def _tell_new(self, fresh: Fresh) -> None:
        audience = self.audience(fresh.item.tweet)
        if not audience:
            return
        event_id = self.positions.text()
        whole = Message(NEW_TWEET, fresh.body, event_id)
        for viewer in audience:
            body = fresh.body_for(viewer)
            self._send_home(viewer, whole if body is fresh.body else Message(NEW_TWEET, body, event_id))

    def audience(self, tweet: Tweet) -> list[Viewer]:
        """Return who is told of a tweet."""
        return self.index.audience(tweet.author_id, tweet.parent_author_id, tweet.original_author_id)

    def _tell_deleted(self, author: int, tweet: int) -> None:
        self._tell_shown(author, tweet, deleted(tweet, self.positions.text()))

    def _tell_moderated(self, event: TweetModerated) -> None:
        """Tell those who may show the tweet: it is gone but for its author, or looks otherwise."""
        if event.hidden:
            self._tell_deleted(event.author_id, event.tweet_id)
        else:
            data: dict[str, object] = {"tweet_id": to_uuid(event.tweet_id), "label": event.label or None}
            self._tell_shown(event.author_id, event.tweet_id, messages.of(MODERATED, data, self.positions.text()))

    def _tell_shown(self, author: int, tweet: int, message: Message) -> None:
        told = {stream for viewer in self.index.audience(author) for stream in viewer.streams if stream.home}
        for stream in told.union(self.counters.watched.get(tweet, ())):
            self.send(stream, message)

    def _send_home(self, viewer: Viewer, message: Message) -> None:
        for stream in viewer.streams:
            if stream.home:
                self.send(stream, message)

    def send(self, stream: Stream, message: Message) -> bool:
        """Send a message to one stream; False where it was too far behind, and is ended."""
        if stream.sink.send(message):
            self.delivered += 1
            return True
        self._lose(stream, SLOW)
        return False

    # Who waits for the hub to have read so far

    def reached(self, vector: Mapping[TopicPartition, int]) -> bool:
        """Tell whether the log was read up to there; partitions that are not followed do not count."""
        return all(self.at.get(place, offset) >= offset for place, offset in vector.items())

    def expect(self, vector: Mapping[TopicPartition, int], waiter: Future[None]) -> None:
        """Resolve the waiter when the log was read up to there."""
        self._waiting.append((vector, waiter))

    def _wake(self) -> None:
        for vector, waiter in self._waiting:
            if not waiter.done() and self.reached(vector):
                waiter.set_result(None)
        if self._waiting:
            self._waiting = [it for it in self._waiting if not it[1].done()]


def deleted(tweet_id: int, event_id: str) -> Message:
    """Return the message that a tweet, or a retweet, is gone."""
    return messages.of("tweet_deleted", {"tweet_id": to_uuid(tweet_id)}, event_id)


def decoded(value: bytes) -> Event | None:
    """Return the event, or None where the bytes are none: the streams' dead letters tell of those."""
    try:
        return decode(value)
    except (DecodeError, SealsAwayError) as error:
        log.warning("a record cannot be read", extra={FIELDS: {"error": str(error)}})
        return None


def tweets_of(events: Iterable[Event]) -> list[Tweet]:
    """Return the rows of the tweets that were posted; what cannot be written is left out, as projections leave it."""
    found = []
    for event in events:
        try:
            if isinstance(event, TweetPosted):
                found.append(rendering.post(event))
            elif isinstance(event, Retweeted):
                found.append(rendering.retweet(event))
        except RejectedWriteError as error:
            log.warning("a tweet cannot be shown", extra={FIELDS: {"error": str(error)}})
    return found


def _author(event: Event) -> int:
    return event.author_id if isinstance(event, TweetPosted | Retweeted) else 0


def _counted(event: Event) -> Sequence[int]:
    """Return the tweets whose counts an event of a tweet may change."""
    match event:
        case TweetPosted() | TweetDeleted():
            return [it for it in (event.reply_to_tweet_id, event.quoted_tweet_id) if it]
        case Retweeted() | RetweetUndone():
            return [event.original_id]
        case _:
            return ()
