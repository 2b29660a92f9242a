"""What every backend of tweets promises."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from projections.tweets.read_model import Kind, TweetsReader
from tests.builders import deleted, moderated, posted, retweet_undone, retweeted
from tests.contract.backends import BACKENDS, Kept

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from schemas.tweets.events import TweetPosted


@pytest.fixture(params=BACKENDS["tweets"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept[TweetsReader]]:
    with closing(Kept[TweetsReader](BACKENDS["tweets"][request.param], tmp_path / "g1.db")) as it:
        yield it


def a_thread() -> list[TweetPosted]:
    """Tweet 10 by account 1; replies 11 and 12 to it, 13 to 11; 14 quotes it."""
    return [
        posted(1, 10),
        posted(2, 11, reply_to=(10, 1)),
        posted(3, 12, reply_to=(10, 1)),
        posted(1, 14, quoted=(10, 1)),
    ]


def test_tweets_are_found_by_id(kept: Kept[TweetsReader]) -> None:
    kept.say_at_once(*a_thread(), retweeted(2, 20, (10, 1)))
    found = kept.reader.many([10, 11, 14, 20, 99])
    assert {tweet.tweet_id: Kind(tweet.kind) for tweet in found.values()} == {
        10: Kind.TWEET,
        11: Kind.REPLY,
        14: Kind.QUOTE_TWEET,
        20: Kind.RETWEET,
    }
    assert (found[11].parent_id, found[11].parent_author_id, found[11].conversation_id) == (10, 1, 10)
    assert (found[20].original_id, found[20].original_author_id, found[20].conversation_id) == (10, 1, 20)
    assert found[14].quoted_id == 10


def test_lists_are_newest_first_below_an_id(kept: Kept[TweetsReader]) -> None:
    kept.say_at_once(*a_thread(), retweeted(1, 20, (11, 2)))
    assert kept.reader.by_author(1, None, 10) == [20, 14, 10]
    assert kept.reader.by_author(1, 20, 1) == [14]
    assert kept.reader.replies(10, None, 10) == [12, 11]
    assert kept.reader.replies(10, 12, 10) == [11]
    assert kept.reader.quotes(10, None, 10) == [14]
    assert kept.reader.conversation(10, None, 10) == [12, 11]


def test_a_deleted_tweet_is_nowhere(kept: Kept[TweetsReader]) -> None:
    kept.say(*a_thread(), deleted(2, 11))
    assert kept.reader.many([11]) == {}
    assert kept.reader.replies(10, None, 10) == [12]
    assert kept.reader.conversation(10, None, 10) == [12]
    assert kept.reader.by_author(2, None, 10) == []


def test_counts_by_author_are_of_what_stands(kept: Kept[TweetsReader]) -> None:
    kept.say(*a_thread(), retweeted(1, 20, (12, 3)), deleted(2, 11), deleted(2, 11), posted(3, 12))
    assert kept.reader.counts_by_author([1, 2, 3, 4]) == {1: 3, 3: 1}
    kept.say(retweet_undone(1, 20, (12, 3)))
    assert kept.reader.counts_by_author([1]) == {1: 2}


def test_the_retweets_of_a_deleted_tweet_go_with_it_in_either_order(kept: Kept[TweetsReader]) -> None:
    kept.say(posted(1, 10), retweeted(2, 20, (10, 1)), deleted(1, 10), retweeted(3, 30, (10, 1)))
    assert kept.reader.many([10, 20, 30]) == {}
    assert kept.reader.counts_by_author([1, 2, 3]) == {}


def test_what_was_removed_stays_removed_when_its_post_is_logged_again(kept: Kept[TweetsReader]) -> None:
    kept.say(posted(1, 10), deleted(1, 10), posted(1, 10))
    kept.say_at_once(retweeted(1, 20, (5, 2)), retweet_undone(1, 20, (5, 2)), retweeted(1, 20, (5, 2)))
    assert kept.reader.many([10, 20]) == {}
    assert kept.reader.counts_by_author([1]).get(1, 0) == 0


def test_a_deletion_before_its_post_holds(kept: Kept[TweetsReader]) -> None:
    kept.say(deleted(1, 10), posted(1, 10))
    assert kept.reader.many([10]) == {}


def test_removed_tells_of_each_removal_once(kept: Kept[TweetsReader]) -> None:
    kept.say(posted(1, 10), posted(1, 11), deleted(1, 10), deleted(1, 10))
    assert kept.reader.removed() == [10]
    assert kept.reader.removed() == []


def test_how_a_tweet_shows_is_what_was_said_last(kept: Kept[TweetsReader]) -> None:
    kept.say_at_once(posted(1, 10), posted(1, 11), moderated(1, 10, hidden=True), moderated(1, 10, label="satire"))
    kept.say(moderated(1, 11, limited=True), moderated(1, 12, hidden=True))
    found = kept.reader.many([10, 11, 12])
    assert {it: (bool(row.hidden), row.label, bool(row.limited)) for it, row in found.items()} == {
        10: (False, "satire", False),
        11: (False, "", True),
    }


def test_removed_tells_of_what_was_moderated(kept: Kept[TweetsReader]) -> None:
    kept.say(posted(1, 10), posted(1, 11))
    kept.reader.removed()
    kept.say(moderated(1, 10, hidden=True))
    assert kept.reader.removed() == [10]


def test_a_tweet_that_is_put_again_stays_as_it_was_decided(kept: Kept[TweetsReader]) -> None:
    kept.say(posted(1, 10), moderated(1, 10, hidden=True), posted(1, 10))
    assert kept.reader.many([10])[10].hidden


def test_a_body_keeps_its_bytes(kept: Kept[TweetsReader]) -> None:
    kept.say(posted(1, 10, 'a "quote" \\ \N{BIRD} \N{NULL}'))
    assert b'"content":"a \\"quote\\" \\\\ \xf0\x9f\x90\xa6 \\u0000"' in kept.reader.many([10])[10].body


def test_a_thousand_ids_are_one_question(kept: Kept[TweetsReader]) -> None:
    kept.say_at_once(*(posted(1, tweet_id) for tweet_id in range(1, 1001)))
    assert kept.reader.many(range(5_000)).keys() == set(range(1, 1001))
