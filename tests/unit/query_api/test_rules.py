"""What a viewer may see, as a table: T a tweet, R a retweet, Q a quote; authors by letter."""

from __future__ import annotations

import pytest

from projections.tweets.read_model import Kind, Tweet
from query_api.errors import BlockedError, UnknownTweetError
from query_api.tweets.rules import alone, check_visible, visible

ANN, BOB, EVE = 1, 2, 3
NONE: frozenset[int] = frozenset()
EVE_HIDDEN = frozenset({EVE})


def tweet(tweet_id: int, author: int, kind: Kind = Kind.TWEET, original: int = 0, quoted: int = 0) -> Tweet:
    return Tweet(tweet_id, author, kind, tweet_id, 0, 0, original, 0, quoted, b'"media":[]')


WORLD = {
    one.tweet_id: alone(one)
    for one in (
        tweet(10, ANN),
        tweet(11, EVE),
        tweet(12, ANN, quoted=11),
        tweet(13, ANN, quoted=99),  # 99 is gone
        tweet(20, BOB, Kind.RETWEET, original=10),
        tweet(21, BOB, Kind.RETWEET, original=11),
        tweet(22, BOB, Kind.RETWEET, original=12),
        tweet(23, BOB, Kind.RETWEET, original=99),
        tweet(24, EVE, Kind.RETWEET, original=10),
    )
}


@pytest.mark.parametrize(
    ("asked", "hidden", "shown"),
    [
        (10, NONE, (10, 10, 0)),
        (99, NONE, None),
        (11, NONE, (11, 11, 0)),
        (11, EVE_HIDDEN, None),
        (12, NONE, (12, 12, 11)),
        (12, EVE_HIDDEN, (12, 12, 0)),
        (13, NONE, (13, 13, 0)),
        (20, NONE, (20, 10, 0)),
        (20, frozenset({ANN}), None),
        (21, NONE, (21, 11, 0)),
        (21, EVE_HIDDEN, None),
        (22, NONE, (22, 12, 11)),
        (22, EVE_HIDDEN, (22, 12, 0)),
        (23, NONE, None),
        (24, EVE_HIDDEN, None),
    ],
)
def test_what_shows(asked: int, hidden: frozenset[int], shown: tuple[int, int, int] | None) -> None:
    found = [
        (key, item.subject.tweet_id, item.quoted.tweet_id if item.quoted else 0)
        for key, item in visible([asked], WORLD, hidden)
    ]
    assert found == ([] if shown is None else [shown])


@pytest.mark.parametrize("gone", [99, 23])
def test_a_tweet_that_is_gone_is_unknown(gone: int) -> None:
    with pytest.raises(UnknownTweetError):
        check_visible(gone, WORLD, EVE_HIDDEN)


@pytest.mark.parametrize("hidden", [11, 21, 24])
def test_a_tweet_behind_a_block_is_refused_as_such(hidden: int) -> None:
    with pytest.raises(BlockedError):
        check_visible(hidden, WORLD, EVE_HIDDEN)
