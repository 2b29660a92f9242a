"""What every backend of engagement promises."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from projections.engagement.read_model import Counts, CountsRow, EngagementReader, Flags, Mark
from schemas.engagements.events import Bookmarked, Unbookmarked
from tests.builders import deleted, envelope, liked, posted, retweet_undone, retweeted, unliked
from tests.contract.backends import BACKENDS, Kept

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOBODY = Counts()
TWEET = (10, 1)  # id, author


@pytest.fixture(params=BACKENDS["engagement"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept[EngagementReader]]:
    with closing(Kept[EngagementReader](BACKENDS["engagement"][request.param], tmp_path / "g1.db")) as it:
        yield it


def bookmarked(user_id: int, tweet: tuple[int, int], at_ms: int) -> Bookmarked:
    return Bookmarked(envelope(at_ms), *tweet, user_id)


def counts_of(kept: Kept[EngagementReader], tweet_id: int) -> CountsRow:
    return kept.reader.counts([tweet_id]).get(tweet_id, NOBODY)


def test_marks_of_many_viewers_are_what_each_ones_are(kept: Kept[EngagementReader]) -> None:
    other = (11, 1)
    kept.say(liked(2, TWEET), liked(3, other), retweeted(3, 20, TWEET), bookmarked(4, other, 1), liked(5, (12, 1)))
    viewers, tweets = (2, 3, 4, 5, 6), (10, 11)
    found = kept.reader.flags_of_many(viewers, tweets)
    assert {viewer: flags for viewer, flags in found.items() if any(flags)} == {
        viewer: flags for viewer in viewers if any(flags := kept.reader.flags(viewer, tweets))
    }
    assert not any(any(flags) for flags in kept.reader.flags_of_many(viewers, ()).values())


def test_everything_that_happens_to_a_tweet_is_counted(kept: Kept[EngagementReader]) -> None:
    kept.say_at_once(retweeted(2, 20, TWEET), posted(2, 21, reply_to=TWEET), posted(3, 22, quoted=TWEET))
    kept.say_at_once(liked(2, TWEET), liked(3, TWEET))
    assert kept.reader.counts([10, 11]) == {10: Counts(likes=2, retweets=1, replies=1, quotes=1)}


def test_a_tweet_that_replies_and_quotes_counts_for_both(kept: Kept[EngagementReader]) -> None:
    kept.say(posted(2, 20, reply_to=TWEET, quoted=(11, 3)))
    assert counts_of(kept, 10) == Counts(replies=1)
    assert counts_of(kept, 11) == Counts(quotes=1)
    assert kept.reader.interactions(2, [1, 3]) == {1: 1, 3: 1}


@pytest.mark.parametrize("repeats", [1, 2, 3])
def test_what_is_said_again_counts_once(kept: Kept[EngagementReader], repeats: int) -> None:
    for _ in range(repeats):
        kept.say_at_once(retweeted(2, 20, TWEET), posted(2, 21, reply_to=TWEET)).say(liked(2, TWEET))
    assert counts_of(kept, 10) == Counts(likes=1, retweets=1, replies=1)
    assert kept.reader.interactions(2, [1]) == {1: 3}


def test_what_is_taken_back_counts_no_more(kept: Kept[EngagementReader]) -> None:
    kept.say(retweeted(2, 20, TWEET), posted(2, 21, reply_to=TWEET, quoted=TWEET), liked(2, TWEET))
    kept.say(retweet_undone(2, 20, TWEET), deleted(2, 21), unliked(2, TWEET), unliked(2, TWEET))
    assert counts_of(kept, 10) == NOBODY
    assert kept.reader.interactions(2, [1]).get(1, 0) == 0


def test_what_was_taken_back_stays_away_when_it_is_logged_again(kept: Kept[EngagementReader]) -> None:
    once = [retweeted(2, 20, TWEET), posted(2, 21, reply_to=TWEET)]
    kept.say_at_once(*once, deleted(2, 21), retweet_undone(2, 20, TWEET), *once).say_at_once(*once)
    assert counts_of(kept, 10) == NOBODY


def test_a_retweet_after_an_undone_one_counts(kept: Kept[EngagementReader]) -> None:
    kept.say_at_once(retweeted(2, 20, TWEET), retweet_undone(2, 20, TWEET), retweeted(2, 21, TWEET))
    assert counts_of(kept, 10) == Counts(retweets=1)
    assert kept.reader.retweet_id(2, 10) == 21
    assert kept.reader.retweet_id(3, 10) is None


def test_interactions_are_with_others(kept: Kept[EngagementReader]) -> None:
    kept.say(liked(1, TWEET), posted(1, 21, reply_to=TWEET), liked(2, TWEET), liked(2, (11, 1)), liked(2, (12, 3)))
    assert kept.reader.interactions(1, [1]) == {}
    assert kept.reader.interactions(2, [1, 3, 4]) == {1: 2, 3: 1}
    assert counts_of(kept, 10) == Counts(likes=2, replies=1)


def test_flags_are_the_viewers_own(kept: Kept[EngagementReader]) -> None:
    kept.say(
        liked(2, TWEET), liked(3, (11, 1)), retweeted(2, 20, (11, 1)), bookmarked(2, (12, 1), 5), liked(2, (99, 1))
    )
    assert kept.reader.flags(2, [10, 11, 12, 13]) == Flags(frozenset({10}), frozenset({11}), frozenset({12}))
    assert kept.reader.flags(4, [10, 11]) == Flags(frozenset(), frozenset(), frozenset())
    assert kept.reader.flags(2, []) == Flags(frozenset(), frozenset(), frozenset())


def test_flags_hold_for_viewers_with_more_marks_than_a_page(kept: Kept[EngagementReader]) -> None:
    kept.say_at_once(*(liked(2, (tweet_id, 1)) for tweet_id in range(1, 2_001, 2)))
    assert kept.reader.flags(2, [1, 2, 1_000, 1_999, 5_000]).liked == {1, 1_999}


def test_lists_are_newest_first_and_equal_times_by_id(kept: Kept[EngagementReader]) -> None:
    kept.say_at_once(liked(2, TWEET, 5), liked(3, TWEET, 7), liked(4, TWEET, 7), bookmarked(2, TWEET, 6))
    kept.say_at_once(retweeted(2, 20, TWEET, 5), retweeted(3, 21, TWEET, 7))
    assert kept.reader.likers(10, None, 10) == [Mark(7, 4), Mark(7, 3), Mark(5, 2)]
    assert kept.reader.likers(10, Mark(7, 4), 1) == [Mark(7, 3)]
    assert kept.reader.retweeters(10, Mark(7, 3), 10) == [Mark(5, 2)]
    assert kept.reader.bookmarks(2, None, 10) == [Mark(6, 10)]
    assert kept.reader.bookmarks(2, Mark(6, 10), 10) == []


def test_a_bookmark_is_kept_until_it_is_removed(kept: Kept[EngagementReader]) -> None:
    kept.say(bookmarked(2, TWEET, 5), bookmarked(2, TWEET, 6), Unbookmarked(envelope(), *TWEET, 2))
    assert kept.reader.bookmarks(2, None, 10) == []
    kept.say(bookmarked(2, TWEET, 8))
    assert kept.reader.bookmarks(2, None, 10) == [Mark(8, 10)]
    assert counts_of(kept, 10) == NOBODY


def test_likes_of_an_account_are_listed_by_tweet(kept: Kept[EngagementReader]) -> None:
    kept.say(liked(2, (12, 3)), liked(2, TWEET), liked(3, (11, 1)), liked(2, (13, 1)), unliked(2, (13, 1)))
    assert [(it.tweet_id, it.author_id) for it in kept.reader.likes(2, 0, 9)] == [(10, 1), (12, 3)]
    assert [it.tweet_id for it in kept.reader.likes(2, 0, 1)] == [10]
    assert [it.tweet_id for it in kept.reader.likes(2, 10, 9)] == [12]
