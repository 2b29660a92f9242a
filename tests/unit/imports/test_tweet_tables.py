"""Tables of tweets: what comes of a row, and what is refused."""

from __future__ import annotations

import pytest

from commands.imports.errors import ImportFileError
from commands.imports.plan import Audience
from commands.imports.rules import check
from commands.imports.tweets import TweetsPlan, read_tweets
from schemas.accounts.events import AccountRegistered
from schemas.ids import unix_ms
from schemas.tweets.events import TweetPosted

HEADER = "publish_date,author_id,language,post_type,content\n"
NOON_MS = 1_467_374_400_000  # 2016-07-01T12:00:00Z
AUDIENCE = Audience("tweets", active=False)


def plan(*rows: str, limit: int | None = None) -> TweetsPlan:
    return TweetsPlan(read_tweets((HEADER + "\n".join(rows)).encode(), limit, AUDIENCE), AUDIENCE)


def tweets(of: TweetsPlan) -> list[TweetPosted]:
    return [event for step in of.steps() for event in step if isinstance(event, TweetPosted)]


def test_every_row_is_a_post_of_its_author_with_its_text_and_time() -> None:
    made = plan(
        "2016-07-01 12:00,Ada,English,,A #Cat #cat on a mat @bob",
        '2016-07-01 12:00,bob_2,English,R,"line one\nline two #dog"',
        "2016-07-01T12:01:00,Ada,English,Q,see https://example.org/a #Cat #Cat",
    )
    events = [event for step in made.steps() for event in step]
    names = [event.username for event in events if isinstance(event, AccountRegistered)]
    assert names == ["tweets_Ada", "tweets_bob_2"]
    found = tweets(made)
    assert [tweet.hashtags for tweet in found] == [["Cat", "cat"], ["dog"], ["Cat"]]
    assert [tweet.urls for tweet in found] == [[], [], ["https://example.org/a"]]
    assert [unix_ms(tweet.tweet_id) for tweet in found] == [NOON_MS, NOON_MS, NOON_MS + 60_000]
    assert all(tweet.reply_to_tweet_id is None and tweet.mentions == [] for tweet in found)
    assert made.total_steps == len(list(made.steps())) == 5
    for event in events:
        check(event)


def test_the_steps_are_the_same_every_time() -> None:
    made = plan("2016-07-01 12:00,a,,,x", "2016-07-01 12:00,b,,,y", "2016-07-01 12:00,a,,,z")
    assert list(made.steps()) == list(made.steps())
    assert len({tweet.tweet_id for tweet in tweets(made)}) == 3


def test_what_a_command_would_refuse_is_counted_and_left_out() -> None:
    long = "x" * 281
    made = plan(
        f"2016-07-01 12:00,late,,,{long}",
        "2016-07-01 12:00,ada,,,   ",
        "2016-07-01 12:00,bob,,,good",
        "2016-07-01 12:00,ADA,,,first of the name",
        "2016-07-01 12:00,ada,,,taken",
        "2016-07-01 12:00,no name!,,,x",
        "2016-07-01 12:00,late,,,good too",
    )
    assert dict(made.refused) == {"text_too_long": 1, "text_empty": 1, "username_taken": 1, "username_invalid": 1}
    events = [event for step in made.steps() for event in step]
    authors = {event.user_id: event.username for event in events if isinstance(event, AccountRegistered)}
    assert [(authors[tweet.author_id], tweet.content) for tweet in tweets(made)] == [
        ("tweets_bob", "good"),
        ("tweets_ADA", "first of the name"),
        ("tweets_late", "good too"),
    ]


def test_a_limit_takes_the_first_rows() -> None:
    assert len(tweets(plan("2016-07-01 12:00,a,,,x", "2016-07-01 12:00,b,,,y", limit=1))) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"publish_date,author_id,content\n", "line 1: the header does not name post_type"),
        (b"", "line 1: the header does not name"),
        ((HEADER + "yesterday,a,,,x").encode(), "line 2: 'yesterday' is no time"),
        ((HEADER + "1970-01-01,a,,,x").encode(), "line 2: 1970-01-01 is before 2001"),
        ((HEADER + "2100-01-01,a,,,x").encode(), "still to come"),
        ((HEADER + "2016-07-02,a,,,x\n2016-07-01,a,,,y").encode(), "line 3: 2016-07-01 is before the line above"),
        ((HEADER + "2016-07-01,a,,Z,x").encode(), "line 2: 'Z' is none of R, Q and nothing"),
        ((HEADER + "2016-07-01,a,x").encode(), "line 2: it does not have the columns of the header"),
        ((HEADER + '2016-07-01,a,,,"x').encode(), "after line 1: unexpected end of data"),
        (HEADER.encode() + b"2016-07-01,a,,,\xff", "is no UTF-8"),
    ],
)
def test_a_malformed_file_is_refused_with_the_line(content: bytes, said: str) -> None:
    with pytest.raises(ImportFileError, match=said.replace("(", r"\(")):
        read_tweets(content, None, AUDIENCE)
