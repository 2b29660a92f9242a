"""What open streams are told over random histories is what naive rules say; and what a cut one is told again, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.log.port import Batch, TopicPartition
from query_api.live.fresh import Fresh
from query_api.live.hub import TOPICS, Hub, tweets_of
from query_api.live.index import Stream, Viewer, Wanted
from query_api.live.missed import missed_tweets
from query_api.live.notices import places_in_ids
from query_api.live.positions import Positions
from query_api.tweets.hydrate import NO_FLAGS, Hydrated
from query_api.tweets.rules import alone, visible
from schemas.codec import encode, topic_and_key
from schemas.follows.events import Blocked, Followed, Muted, Unblocked, Unfollowed, Unmuted
from schemas.ids import from_uuid
from schemas.tweets.events import Retweeted, RetweetUndone, TweetDeleted, TweetPosted
from tests import builders

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from projections.tweets.read_model import Tweet
    from query_api.live.messages import Message
    from schemas.envelope import Event

PEOPLE = range(1, 6)
PARTITIONS = 2
RELATIONS = (Followed, Unfollowed, Blocked, Unblocked, Muted, Unmuted)


class Told(NamedTuple):
    """A message: its kind, its tweet, and what it quotes (0: nothing that shows)."""

    event: str
    tweet_id: int
    quoted_id: int
    event_id: str


class Ear:
    """A sink that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Told] = []

    def send(self, message: Message) -> bool:
        self.told.append(heard(message))
        return True

    def is_stuck(self) -> bool:
        return False

    def close(self, reason: str) -> None:
        raise AssertionError(reason)


def heard(message: Message) -> Told:
    frame = message.frame().decode()
    kind = frame.split("event: ")[1].split("\n")[0]
    data = orjson.loads(message.data)
    quoted = data.get("quoted_tweet") or (data.get("retweeted_tweet") or {}).get("quoted_tweet") or {}
    return Told(kind, number(data["tweet_id"]), number(quoted["tweet_id"]) if quoted else 0, message.event_id)


def number(uuid: str) -> int:
    found = from_uuid(uuid)
    assert found is not None
    return found


class Log:
    """A hub, and the log that it reads: one event at a time."""

    def __init__(self) -> None:
        starts = {TopicPartition(topic, part): 0 for topic in TOPICS for part in range(PARTITIONS)}
        tweets = {place: 0 for place in starts if place.topic == "tweets"}
        self.known: dict[int, Tweet] = {}
        self.hub = Hub(Positions(b"x" * 32, "log", tweets | places_in_ids(starts)), starts, self.fresh, 1_000, _never)

    def fresh(self, tweets: Sequence[Tweet], audience: object) -> Mapping[int, Fresh]:
        """Everything that was ever posted and stands can be read."""
        del audience
        known = {it.tweet_id: alone(it) for it in (*self.known.values(), *tweets)}
        shown = visible([tweet.tweet_id for tweet in tweets], known)
        return {tweet_id: Fresh(item, Hydrated({}, NO_FLAGS, {}), {}) for tweet_id, item in shown}

    def say(self, event: Event) -> None:
        topic, key = topic_and_key(event)
        place = TopicPartition(topic, key % PARTITIONS)
        batch = Batch(topic, place.partition, self.hub.at[place], [key], [encode(event)])
        self.hub.take(self.hub.prepare(batch))

    def enter(self, user: int, follows: Sequence[int]) -> tuple[Viewer, Ear]:
        viewer, ear = self.hub.index.enter(user, follows), Ear()
        viewer.streams = (Stream(viewer, Wanted(1, 1 << 60), ear),)
        return viewer, ear


def _never(stream: Stream, reason: str) -> None:
    raise AssertionError((stream, reason))


class Naive:
    """The rules as SPEC §5 has them, for one viewer, over sets."""

    def __init__(self, me: int, follows: Sequence[int]) -> None:
        self.me = me
        self.follows = set(follows)
        self.blocks: set[tuple[int, int]] = set()
        self.mutes: set[int] = set()
        self.tweets: dict[int, TweetPosted | Retweeted] = {}

    def hides(self, other: int) -> bool:
        return other in self.mutes or (self.me, other) in self.blocks or (other, self.me) in self.blocks

    def says(self, event: Event) -> tuple[str, int, int] | None:
        match event:
            case Followed(user_id=self.me, target_id=other):
                self.follows.add(other)
            case Unfollowed(user_id=self.me, target_id=other):
                self.follows.discard(other)
            case Blocked(user_id=one, target_id=other):
                self.blocks.add((one, other))
            case Unblocked(user_id=one, target_id=other):
                self.blocks.discard((one, other))
            case Muted(user_id=self.me, target_id=other):
                self.mutes.add(other)
            case Unmuted(user_id=self.me, target_id=other):
                self.mutes.discard(other)
            case TweetDeleted() | RetweetUndone():
                self.tweets.pop(event.tweet_id, None)
                heard = event.author_id in self.follows | {self.me} and not self.hides(event.author_id)
                return ("tweet_deleted", event.tweet_id, 0) if heard else None
            case TweetPosted() | Retweeted():
                self.tweets[event.tweet_id] = event
                return self.shows(event)
            case _:
                pass
        return None

    def shows(self, event: TweetPosted | Retweeted) -> tuple[str, int, int] | None:
        heard = self.follows | {self.me}
        if event.author_id not in heard or self.hides(event.author_id):
            return None
        about: Event = event
        if isinstance(event, Retweeted):
            if event.original_id not in self.tweets or self.hides(event.original_author_id):
                return None
            about = self.tweets[event.original_id]
        assert isinstance(about, TweetPosted)
        parent = event.reply_to_author_id if isinstance(event, TweetPosted) and event.author_id != self.me else None
        if parent and parent not in heard:
            return None
        quoted = about.quoted_tweet_id or 0
        if quoted not in self.tweets or self.hides(about.quoted_author_id or 0):
            quoted = 0
        return ("new_tweet", event.tweet_id, quoted)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Events as commands would allow them: originals, parents and quoted tweets stood once."""
    events: list[Event] = []
    posts: list[tuple[int, int]] = []
    retweets: list[tuple[int, int, tuple[int, int]]] = []
    for number_ in range(1, draw(st.integers(1, 40))):
        kind = draw(st.sampled_from(["relation", "relation", "post", "post", "retweet", "delete", "undo"]))
        author, tweet, at_ms = draw(st.sampled_from(PEOPLE)), number_ << 16, builders.EPOCH_MS + number_
        if kind == "relation":
            other = draw(st.sampled_from([it for it in PEOPLE if it != author]))
            events.append(draw(st.sampled_from(RELATIONS))(builders.envelope(at_ms, author), author, other))
        elif kind == "post":
            about: Any = st.none() if not posts else st.none() | st.sampled_from(posts)
            parent, quoted = draw(about), draw(about)
            events.append(builders.posted(author, tweet, reply_to=parent, quoted=quoted, at_ms=at_ms))
            posts.append((tweet, author))
        elif kind == "retweet" and posts:
            original = draw(st.sampled_from(posts))
            events.append(builders.retweeted(author, tweet, original, at_ms))
            retweets.append((author, tweet, original))
        elif kind == "delete" and posts:
            gone = posts.pop(draw(st.integers(0, len(posts) - 1)))
            events.append(builders.deleted(gone[1], gone[0], at_ms))
        elif kind == "undo" and retweets:
            undone = retweets.pop(draw(st.integers(0, len(retweets) - 1)))
            events.append(builders.retweet_undone(*undone, at_ms))
    return events


FOLLOWS = st.lists(st.sampled_from(PEOPLE[1:]), unique=True)


def run(log: Log, events: Sequence[Event]) -> None:
    for event in events:
        if isinstance(event, TweetDeleted | RetweetUndone):
            log.known.pop(event.tweet_id, None)
        log.say(event)
        if isinstance(event, TweetPosted | Retweeted):
            log.known |= {it.tweet_id: it for it in tweets_of([event])}


@given(histories(), FOLLOWS)
@settings(max_examples=200, deadline=None)
def test_a_stream_is_told_what_the_rules_say(events: list[Event], follows: list[int]) -> None:
    log, naive = Log(), Naive(1, follows)
    _, ear = log.enter(1, follows)
    run(log, events)
    assert [it[:3] for it in ear.told] == [said for event in events if (said := naive.says(event)) is not None]


@given(histories(), FOLLOWS, st.data())
@settings(max_examples=200, deadline=None)
def test_a_stream_that_is_cut_anywhere_is_told_the_rest_once(
    events: list[Event], follows: list[int], data: st.DataObject
) -> None:
    """Relations as they are when it comes back: they are said first here, so that both ways go by the same."""
    events = sorted(events, key=lambda it: not isinstance(it, RELATIONS))
    log = Log()
    viewer, ear = log.enter(1, follows)
    begun = log.hub.positions.text()
    run(log, events)
    gone = {it.tweet_id for it in events if isinstance(it, TweetDeleted | RetweetUndone)}
    cut = data.draw(st.integers(0, len(ear.told)))
    since = log.hub.positions.read(ear.told[cut - 1].event_id if cut else begun)
    assert since is not None
    again = [heard(message) for message in missed_tweets(log.hub, viewer, since)]
    rest = [it for it in ear.told[cut:] if it.event == "tweet_deleted" or it.tweet_id not in gone]
    assert sorted(it[:2] for it in again if it.tweet_id not in gone) == sorted(
        it[:2] for it in rest if it.tweet_id not in gone and not _lost(it, events, gone)
    )
    assert {it[:2] for it in again if it.tweet_id in gone} == {it[:2] for it in rest if it.tweet_id in gone}
    second = data.draw(st.integers(0, len(again)))
    if second:
        between = log.hub.positions.read(again[second - 1].event_id)
        assert between is not None
        assert [heard(message)[:3] for message in missed_tweets(log.hub, viewer, between)] == [
            it[:3] for it in again[second:]
        ]


def _lost(told: Told, events: Sequence[Event], gone: set[int]) -> bool:
    """A retweet of what is gone since is not told again."""
    return any(it.tweet_id == told.tweet_id and it.original_id in gone for it in events if isinstance(it, Retweeted))
