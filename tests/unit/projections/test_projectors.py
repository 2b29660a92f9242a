"""Projectors as tables: these events, those writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from infra.projections import RejectedWriteError
from projections.accounts import projector as accounts
from projections.accounts.read_model import Account
from projections.engagement import projector as engagement
from projections.graph import projector as graph
from projections.tweets import projector as tweets
from projections.tweets.read_model import Tweet
from schemas.accounts.events import ProfileEdited
from schemas.engagements.events import Bookmarked, Unbookmarked
from schemas.follows.events import Blocked, Muted, Unblocked, Unmuted
from schemas.ids import first_id_at, to_uuid
from schemas.tweets.events import Mention, TweetPosted
from tests.builders import (
    EPOCH_MS,
    attachment,
    deleted,
    envelope,
    followed,
    liked,
    posted,
    registered,
    retweet_undone,
    retweeted,
    signed_in,
    unfollowed,
    unliked,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.envelope import Event

TWEET = (10, 1)
BLOCKED, UNBLOCKED = Blocked(envelope(), 1, 2), Unblocked(envelope(), 1, 2)
MUTED, UNMUTED = Muted(envelope(), 1, 2), Unmuted(envelope(), 1, 2)
BOOKMARKED, UNBOOKMARKED = Bookmarked(envelope(7), *TWEET, 2), Unbookmarked(envelope(), *TWEET, 2)


@pytest.mark.parametrize(
    ("events", "writes"),
    [
        ([], []),
        ([registered(1, "Ann")], [Account(1, "Ann", "Ann", "", "", "", "", False, "ACTIVE", EPOCH_MS)]),
        (
            [ProfileEdited(envelope(), 1, bio="bird", location="")],
            [accounts.EditAccount(1, None, "bird", "", None, None)],
        ),
        ([signed_in(1)], []),
    ],
)
def test_accounts(events: Sequence[Event], writes: list[Any]) -> None:
    assert accounts.project(events) == writes


@pytest.mark.parametrize(
    ("events", "writes"),
    [
        ([followed(1, 2, 5)], [graph.Follow(1, 2, 5)]),
        ([followed(1, 2, 5), followed(1, 2, 6)], [graph.Follow(1, 2, 5)]),
        ([unfollowed(1, 2)], [graph.Unfollow(1, 2)]),
        ([followed(1, 2, 5), unfollowed(1, 2)], [graph.Unfollow(1, 2)]),
        ([unfollowed(1, 2), followed(1, 2, 6)], [graph.Unfollow(1, 2), graph.Follow(1, 2, 6)]),
        ([followed(1, 2, 5), unfollowed(1, 2), followed(1, 2, 6)], [graph.Unfollow(1, 2), graph.Follow(1, 2, 6)]),
        ([followed(1, 2, 5), unfollowed(3, 2)], [graph.Unfollow(3, 2), graph.Follow(1, 2, 5)]),
        ([BLOCKED], [graph.Block(1, 2)]),
        ([BLOCKED, UNBLOCKED], [graph.Unblock(1, 2)]),
        ([UNMUTED, MUTED], [graph.Unmute(1, 2), graph.Mute(1, 2)]),
        ([MUTED, UNBLOCKED], [graph.Unblock(1, 2), graph.Mute(1, 2)]),
    ],
)
def test_graph(events: Sequence[Event], writes: list[Any]) -> None:
    assert graph.project(events) == writes


@pytest.mark.parametrize(
    ("events", "writes"),
    [
        ([posted(1, 10)], []),
        ([posted(2, 11, reply_to=TWEET)], [engagement.AddResponse(11, 2, 10, 1, 0, 0)]),
        ([posted(2, 11, quoted=TWEET)], [engagement.AddResponse(11, 2, 0, 0, 10, 1)]),
        ([deleted(2, 11)], [engagement.Bury(11), engagement.RemoveResponse(11)]),
        ([retweeted(2, 20, TWEET, 5)], [engagement.AddRetweet(2, 10, 20, 1, 5)]),
        ([retweet_undone(2, 20, TWEET)], [engagement.Bury(20), engagement.RemoveRetweet(2, 10, 20)]),
        ([liked(2, TWEET, 5), liked(2, TWEET, 6)], [engagement.AddLike(2, 10, 1, 5)]),
        ([liked(2, TWEET, 5), unliked(2, TWEET)], [engagement.RemoveLike(2, 10)]),
        ([unliked(2, TWEET), liked(2, TWEET, 6)], [engagement.RemoveLike(2, 10), engagement.AddLike(2, 10, 1, 6)]),
        ([BOOKMARKED], [engagement.AddBookmark(2, 10, 7)]),
        ([BOOKMARKED, UNBOOKMARKED], [engagement.RemoveBookmark(2, 10)]),
    ],
)
def test_engagement(events: Sequence[Event], writes: list[Any]) -> None:
    assert engagement.project(events) == writes


def test_tweets_puts_removals_first() -> None:
    writes = tweets.project([posted(1, 10), deleted(1, 9), retweeted(1, 11, TWEET), retweet_undone(1, 8, TWEET)])
    assert [write.tweet_id for write in writes] == [9, 8, 10, 11]
    assert [type(write).__name__ for write in writes] == ["RemoveTweet", "RemoveTweet", "Tweet", "Tweet"]


def body_of(event: Event) -> dict[str, Any]:
    (write,) = tweets.project([event])
    assert isinstance(write, Tweet)
    members: dict[str, Any] = orjson.loads(b"{" + write.body + b"}")
    return members


NOTHING: dict[str, Any] = {
    "conversation_id": to_uuid(20),
    "reply_to_tweet_id": None,
    "quoted_tweet_id": None,
    "retweeted_tweet_id": None,
    "hashtags": [],
    "mentions": [],
    "urls": [],
    "media": [],
}


def test_the_body_of_a_tweet_says_all_that_never_changes() -> None:
    event = TweetPosted(
        envelope(EPOCH_MS + 7),
        20,
        1,
        "@Bob see #birds https://a.example",
        conversation_id=20,
        hashtags=["birds"],
        mentions=[Mention(2, "Bob")],
        urls=["https://a.example"],
        media_ids=[5],
        media=[attachment(5, alt_text="a bird")],
    )
    files = f"/media/files/{to_uuid(5)}/{5:064x}"
    assert body_of(event) == {
        **NOTHING,
        "tweet_id": to_uuid(20),
        "user_id": to_uuid(1),
        "type": "TWEET",
        "content": "@Bob see #birds https://a.example",
        "created_at": "2023-11-14T22:13:20.007Z",
        "hashtags": ["birds"],
        "mentions": [{"user_id": to_uuid(2), "username": "Bob"}],
        "urls": ["https://a.example"],
        "media": [
            {
                "media_id": to_uuid(5),
                "type": "image",
                "url": f"{files}.jpg",
                "thumbnails": {
                    key: {"url": f"{files}.webp", "width": 40, "height": 30} for key in ("small", "medium", "large")
                },
                "width": 400,
                "height": 300,
                "alt_text": "a bird",
                "blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
                "duration": None,
                "poster": None,
            }
        ],
    }


@pytest.mark.parametrize(
    ("event", "members"),
    [
        (
            posted(1, 20, reply_to=TWEET),
            {"type": "REPLY", "reply_to_tweet_id": to_uuid(10), "conversation_id": to_uuid(10)},
        ),
        (posted(1, 20, quoted=TWEET), {"type": "QUOTE_TWEET", "quoted_tweet_id": to_uuid(10)}),
        (
            posted(1, 20, reply_to=TWEET, quoted=(11, 3)),
            {
                "type": "REPLY",
                "reply_to_tweet_id": to_uuid(10),
                "quoted_tweet_id": to_uuid(11),
                "conversation_id": to_uuid(10),
            },
        ),
        (retweeted(1, 20, TWEET), {"type": "RETWEET", "retweeted_tweet_id": to_uuid(10), "content": ""}),
    ],
)
def test_the_body_names_its_kind_and_what_it_refers_to(event: Event, members: dict[str, Any]) -> None:
    expected = {**NOTHING, "tweet_id": to_uuid(20), "user_id": to_uuid(1), "content": "hello", **members}
    assert body_of(event) == {**expected, "created_at": "2023-11-14T22:13:20.000Z"}


def test_a_time_that_cannot_be_written_is_refused_as_data() -> None:
    with pytest.raises(RejectedWriteError):
        tweets.project([posted(1, first_id_at(EPOCH_MS), at_ms=1 << 60)])
