"""Decides what an event adds to, or takes from, the engagement with a tweet.

Consumes:   TweetPosted, TweetDeleted (replies and quotes), Retweeted, RetweetUndone, Liked, Unliked, Bookmarked,
            Unbookmarked
Writes:     nothing itself; returns the NamedTuples below for the store
Guarantee:  the same events give the same writes; no clock, no I/O
Rebuild:    safe from position 0, in any interleaving that keeps the order of each author and of each tweet's likes

Likes of a tweet that is deleted stay: they are keyed by the tweet, its deletion by the author, and what two keys say
must not depend on which comes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, assert_never, cast

from schemas.engagements.events import Bookmarked, Liked, Unbookmarked, Unliked
from schemas.tweets.events import (
    Retweeted,
    RetweetUndone,
    TopicsWithdrawn,
    TweetDeleted,
    TweetModerated,
    TweetPosted,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.envelope import Event


class AddLike(NamedTuple):
    """The account likes the tweet since that time, unless it did already."""

    user_id: int
    tweet_id: int
    author_id: int
    at_ms: int


class RemoveLike(NamedTuple):
    """The account does not like the tweet."""

    user_id: int
    tweet_id: int


class AddBookmark(NamedTuple):
    """The account keeps the tweet since that time, unless it did already."""

    user_id: int
    tweet_id: int
    at_ms: int


class RemoveBookmark(NamedTuple):
    """The account does not keep the tweet."""

    user_id: int
    tweet_id: int


class AddRetweet(NamedTuple):
    """The retweet `tweet_id` stands, unless it was removed."""

    user_id: int
    original_id: int
    tweet_id: int
    original_author_id: int
    at_ms: int


class RemoveRetweet(NamedTuple):
    """The retweet does not stand."""

    user_id: int
    original_id: int
    tweet_id: int


class AddResponse(NamedTuple):
    """A reply, a quote, or both stands, unless it was removed; what does not apply is 0."""

    tweet_id: int
    author_id: int
    parent_id: int
    parent_author_id: int
    quoted_id: int
    quoted_author_id: int


class RemoveResponse(NamedTuple):
    """The reply or quote does not stand."""

    tweet_id: int


class Bury(NamedTuple):
    """Whatever is added again under this id stays removed."""

    tweet_id: int


Tweeted = TweetPosted | TweetDeleted | Retweeted | RetweetUndone | TweetModerated | TopicsWithdrawn
Fact = Tweeted | Liked | Unliked | Bookmarked | Unbookmarked
Write = (
    AddLike
    | RemoveLike
    | AddBookmark
    | RemoveBookmark
    | AddRetweet
    | RemoveRetweet
    | AddResponse
    | RemoveResponse
    | Bury
)
Pair = tuple[int, int]


class _Batch:
    """The writes of a batch by table, for long runs of one statement.

    Removals go first. Tweets: a removal holds for good. Likes and bookmarks: an addition that a removal follows in the
    same batch is dropped, so that of a pair at most one removal and then one addition are left.
    """

    def __init__(self) -> None:
        self.buried: list[Write] = []
        self.removed: list[Write] = []
        self.unretweeted: list[Write] = []
        self.unliked: dict[Pair, Write] = {}
        self.unkept: dict[Pair, Write] = {}
        self.retweeted: list[Write] = []
        self.responded: list[Write] = []
        self.liked: dict[Pair, Write] = {}
        self.kept: dict[Pair, Write] = {}

    def writes(self) -> list[Write]:
        return [
            *self.buried,
            *self.removed,
            *self.unretweeted,
            *self.unliked.values(),
            *self.unkept.values(),
            *self.retweeted,
            *self.responded,
            *self.liked.values(),
            *self.kept.values(),
        ]


def project(events: Sequence[Event]) -> list[Write]:
    """Return the writes of a batch, ordered by table."""
    batch = _Batch()
    for event in cast("Sequence[Fact]", events):
        match event:
            case TweetPosted():
                if event.reply_to_tweet_id or event.quoted_tweet_id:
                    batch.responded.append(_response(event))
            case Retweeted():
                batch.retweeted.append(_retweet(event))
            case TweetDeleted():
                batch.buried.append(Bury(event.tweet_id))
                batch.removed.append(RemoveResponse(event.tweet_id))
            case RetweetUndone():
                batch.buried.append(Bury(event.tweet_id))
                batch.unretweeted.append(RemoveRetweet(event.author_id, event.original_id, event.tweet_id))
            case TweetModerated() | TopicsWithdrawn():
                pass  # who may see a tweet is a rule of reading
            case _:
                _mark(event, batch)
    return batch.writes()


def _mark(event: Liked | Unliked | Bookmarked | Unbookmarked, batch: _Batch) -> None:
    pair = (event.user_id, event.tweet_id)
    match event:
        case Liked():
            batch.liked.setdefault(pair, AddLike(*pair, event.author_id, event.envelope.occurred_at_ms))
        case Unliked():
            batch.liked.pop(pair, None)
            batch.unliked[pair] = RemoveLike(*pair)
        case Bookmarked():
            batch.kept.setdefault(pair, AddBookmark(*pair, event.envelope.occurred_at_ms))
        case Unbookmarked():
            batch.kept.pop(pair, None)
            batch.unkept[pair] = RemoveBookmark(*pair)
        case _:
            assert_never(event)


def _response(event: TweetPosted) -> AddResponse:
    return AddResponse(
        tweet_id=event.tweet_id,
        author_id=event.author_id,
        parent_id=event.reply_to_tweet_id or 0,
        parent_author_id=event.reply_to_author_id or 0,
        quoted_id=event.quoted_tweet_id or 0,
        quoted_author_id=event.quoted_author_id or 0,
    )


def _retweet(event: Retweeted) -> AddRetweet:
    return AddRetweet(
        user_id=event.author_id,
        original_id=event.original_id,
        tweet_id=event.tweet_id,
        original_author_id=event.original_author_id,
        at_ms=event.envelope.occurred_at_ms,
    )
