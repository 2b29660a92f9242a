"""Answers, byte by byte."""

from __future__ import annotations

import itertools
from typing import Any

import orjson
import pytest

from projections.engagement.read_model import Counts, Flags
from projections.tweets.read_model import Kind, Tweet
from query_api.tweets.hydrate import Hydrated
from query_api.tweets.response import thread, tweet_object, tweet_page, with_flags
from query_api.tweets.rules import alone, visible
from schemas.ids import to_uuid

ANN, BOB = 1, 2
AUTHORS = {ANN: b'"username":"ann"', BOB: b'"username":"bob"'}
NOBODYS = Flags(frozenset(), frozenset(), frozenset())


def tweet(tweet_id: int, author: int, kind: Kind = Kind.TWEET, original: int = 0, quoted: int = 0) -> Tweet:
    return Tweet(tweet_id, author, kind, tweet_id, 0, 0, original, 0, quoted, b'"tweet_id":"%d"' % tweet_id)


def shown(*tweets: Tweet) -> Any:
    known = {one.tweet_id: alone(one) for one in tweets}
    return [item for _, item in visible(known, known)]


def test_a_tweet_is_its_body_its_author_counts_and_flags() -> None:
    [item] = shown(tweet(7, ANN))
    hydrated = Hydrated({7: Counts(1, 2, 3, 4)}, Flags(frozenset({7}), frozenset(), frozenset({7})), AUTHORS)
    assert tweet_object(item, hydrated) == (
        b'{"tweet_id":"7","user":{"username":"ann"},'
        b'"likes_count":1,"retweets_count":2,"replies_count":3,"quotes_count":4,'
        b'"liked":true,"retweeted":false,"bookmarked":true,"retweeted_tweet":null,"quoted_tweet":null}'
    )


def test_a_retweet_of_a_quote_shows_its_originals_numbers_on_both_levels() -> None:
    quoted, original, retweet = tweet(7, ANN), tweet(8, BOB, quoted=7), tweet(9, ANN, Kind.RETWEET, original=8)
    item = shown(quoted, original, retweet)[2]
    counts = {8: Counts(likes=5), 7: Counts(likes=6)}
    said = orjson.loads(tweet_object(item, Hydrated(counts, NOBODYS._replace(retweeted=frozenset({8})), AUTHORS)))
    inner = said["retweeted_tweet"]
    assert (said["tweet_id"], inner["tweet_id"], inner["quoted_tweet"]["tweet_id"]) == ("9", "8", "7")
    assert (said["likes_count"], inner["likes_count"], inner["quoted_tweet"]["likes_count"]) == (5, 5, 6)
    assert (said["retweeted"], inner["retweeted"], inner["quoted_tweet"]["retweeted"]) == (True, True, False)
    assert (said["user"], inner["user"]) == ({"username": "ann"}, {"username": "bob"})
    assert "quoted_tweet" not in inner["quoted_tweet"]


@pytest.mark.parametrize("marked", list(itertools.product([False, True], repeat=3)))
@pytest.mark.parametrize("text", ["plain", '","liked":false,"retweeted":false,"bookmarked":false', "\\"])
def test_flags_that_are_put_in_later_stand_where_they_would_have_stood(marked: tuple[bool, ...], text: str) -> None:
    body = b'"content":' + orjson.dumps(text)
    original = tweet(8, BOB)._replace(body=body)
    items = shown(original, tweet(9, ANN, Kind.RETWEET, original=8)._replace(body=body))
    flags = Flags(*(frozenset({8} if it else ()) for it in marked))
    for item in items:
        without = tweet_object(item, Hydrated({}, NOBODYS, AUTHORS))
        assert with_flags(without, 8, flags) == tweet_object(item, Hydrated({}, flags, AUTHORS))


def test_an_author_who_is_not_projected_yet_is_an_id_without_names() -> None:
    said = orjson.loads(tweet_object(shown(tweet(7, 5))[0], Hydrated({}, NOBODYS, {})))
    assert (said["user"]["user_id"], said["user"]["username"]) == (to_uuid(5), "")


def test_pages_are_well_formed_empty_and_full() -> None:
    nothing = Hydrated({}, NOBODYS, AUTHORS)
    assert tweet_page([], nothing, None) == b'{"tweets":[],"next_max_id":null,"has_more":false}'
    items = shown(tweet(7, ANN), tweet(8, ANN))
    page = orjson.loads(tweet_page(items, nothing, 7, scores={7: b'{"total":1}', 8: b'{"total":2}'}))
    assert [one["score"]["total"] for one in page["tweets"]] == [1, 2]
    assert (page["next_max_id"], page["has_more"]) == (to_uuid(7), True)
    woven = orjson.loads(thread(items, items[0], [], nothing, None))
    assert [one["tweet_id"] for one in woven["ancestors"]] == ["7", "8"]
    assert (woven["tweet"]["tweet_id"], woven["replies"]) == ("7", [])
