"""Where tweets stand on Scylla or Cassandra: the tables, and into which partition of them each row goes.

An author's list is cut by time, because it is read from the newest on and grows for ever: one partition an era of 99
days, at the 2,400 tweets a day that are allowed to an account 240,000 small rows, usually below 1,000; `tweet_eras`
tells which there are. The other lists are of one tweet and may grow within hours: BUCKETS partitions each.
What was removed or buried stays, with a flag: nothing that is said again can bring it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from schemas.ids import LOW_BITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from projections.tweets.read_model import Tweet

ERA_BITS = 33  # of milliseconds: 99.4 days
BUCKETS = 8  # 800,000 replies to one tweet before a partition holds 100,000
REPLIES, QUOTES, CONVERSATION = range(3)

TABLES: Mapping[str, str] = {
    "tweets": """(
        tweet_id bigint PRIMARY KEY, author_id bigint, kind tinyint, conversation_id bigint, parent_id bigint,
        parent_author_id bigint, original_id bigint, original_author_id bigint, quoted_id bigint, body blob,
        hidden boolean, label text, limited boolean, removed boolean, buried boolean)""",
    "tweets_by_author": """(
        author_id bigint, era smallint, tweet_id bigint, removed boolean, buried boolean,
        PRIMARY KEY ((author_id, era), tweet_id)) WITH CLUSTERING ORDER BY (tweet_id DESC)""",
    "tweet_eras": """(
        author_id bigint, era smallint, PRIMARY KEY (author_id, era)) WITH CLUSTERING ORDER BY (era DESC)""",
    "tweet_lists": """(
        list tinyint, owner_id bigint, bucket tinyint, tweet_id bigint, removed boolean,
        PRIMARY KEY ((list, owner_id, bucket), tweet_id)) WITH CLUSTERING ORDER BY (tweet_id DESC)""",
    "retweets_of": """(
        original_id bigint, bucket tinyint, tweet_id bigint, author_id bigint,
        PRIMARY KEY ((original_id, bucket), tweet_id)) WITH CLUSTERING ORDER BY (tweet_id DESC)""",
    "author_counts": "(author_id bigint PRIMARY KEY, n int)",
    "buried_tweets": "(author_id bigint, tweet_id bigint, removed boolean, PRIMARY KEY (author_id, tweet_id))",
}


class Place(NamedTuple):
    """What decides in which lists a tweet stands."""

    author_id: int
    conversation_id: int
    parent_id: int
    original_id: int
    quoted_id: int


def place_of(tweet: Tweet) -> Place:
    """Return where a tweet stands."""
    return Place(tweet.author_id, tweet.conversation_id, tweet.parent_id, tweet.original_id, tweet.quoted_id)


def era(tweet_id: int) -> int:
    """Return the era of an author's list."""
    return tweet_id >> (LOW_BITS + ERA_BITS)


def bucket(tweet_id: int) -> int:
    """Return the bucket of a tweet in the lists of another; multiplied, as imported ids end in the same bits."""
    return (tweet_id * 0x9E3779B97F4A7C15 >> 32) % BUCKETS


def lists(tweet_id: int, place: Place) -> Iterator[tuple[int, int, int]]:
    """Return the partitions of `tweet_lists` in which a tweet stands."""
    if place.parent_id > 0:
        yield REPLIES, place.parent_id, bucket(tweet_id)
        yield CONVERSATION, place.conversation_id, bucket(tweet_id)
    if place.quoted_id > 0:
        yield QUOTES, place.quoted_id, bucket(tweet_id)
