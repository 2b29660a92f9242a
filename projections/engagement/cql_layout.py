"""Says how engagement lies in CQL: the tables, the statements that write them, and which rows a fact has.

`marks` is what a viewer's flags are read from. Its partitions are eras of about a hundred days of the tweets marked: a
page's ids lie close together, so its flags are one range of one partition, or of two; and an account that marks a
thousand tweets a day stays below 100 K rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from infra.cql.cell_tables import CellTable
from infra.cql.projection_tables import put
from schemas.ids import LOW_BITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LIKE, BOOKMARK, RETWEET = 0, 1, 2
"""Kinds of marks."""
_ERA_BITS = LOW_BITS + 33  # 2^33 ms: 99 days

COUNTS = CellTable("counts", "tweet_id", ("likes", "retweets", "replies", "quotes"), lists=("likes", "retweets"))

TABLES: Mapping[str, str] = {
    "marks": """(
        user_id bigint, era int, tweet_id bigint, kind tinyint, own_id bigint, stands boolean, at_ms bigint,
        author_id bigint, PRIMARY KEY ((user_id, era), tweet_id, kind, own_id))""",
    "posts": """(
        tweet_id bigint PRIMARY KEY, user_id bigint, at_ms bigint, original_id bigint, original_author_id bigint,
        parent_id bigint, parent_author_id bigint, quoted_id bigint, quoted_author_id bigint, gone boolean)""",
    "likers": """(
        tweet_id bigint, bucket int, at_ms bigint, user_id bigint, stands boolean,
        PRIMARY KEY ((tweet_id, bucket), at_ms, user_id)) WITH CLUSTERING ORDER BY (at_ms DESC, user_id DESC)""",
    "retweeters": """(
        tweet_id bigint, bucket int, at_ms bigint, user_id bigint, own_id bigint, stands boolean,
        PRIMARY KEY ((tweet_id, bucket), at_ms, user_id, own_id))
        WITH CLUSTERING ORDER BY (at_ms DESC, user_id DESC, own_id DESC)""",
    "bookmarks": """(
        user_id bigint, at_ms bigint, tweet_id bigint, stands boolean,
        PRIMARY KEY (user_id, at_ms, tweet_id)) WITH CLUSTERING ORDER BY (at_ms DESC, tweet_id DESC)""",
    "counts": COUNTS.columns,
    "interactions": """(
        viewer_id bigint, author_id bigint, source text, n int, PRIMARY KEY (viewer_id, author_id, source))""",
}


PUT_MARK = put("marks", "user_id, era, tweet_id, kind, own_id, stands, at_ms, author_id")
PUT_LIKER = put("likers", "tweet_id, bucket, at_ms, user_id, stands")
PUT_RETWEETER = put("retweeters", "tweet_id, bucket, at_ms, user_id, own_id, stands")
PUT_BOOKMARK = put("bookmarks", "user_id, at_ms, tweet_id, stands")
PUT_INTERACTIONS = put("interactions", "viewer_id, author_id, source, n")
PUT_GONE = put("posts", "tweet_id, gone")

MARKS = (
    "SELECT user_id, tweet_id, kind, stands, at_ms, author_id, WRITETIME(stands) FROM marks{g}"
    " WHERE user_id IN ? AND era = ? AND tweet_id IN ?"
)
INTERACTIONS = (
    "SELECT viewer_id, author_id, n, WRITETIME(n) FROM interactions{g}"
    " WHERE viewer_id IN ? AND author_id IN ? AND source = ?"
)


class Post(NamedTuple):
    """A retweet, reply or quote; what does not apply is 0."""

    user_id: int
    at_ms: int = 0
    original_id: int = 0
    original_author_id: int = 0
    parent_id: int = 0
    parent_author_id: int = 0
    quoted_id: int = 0
    quoted_author_id: int = 0

    def counted(self) -> Iterator[tuple[int, str, int]]:
        """Yield what it counts for: tweet, count, the tweet's author."""
        if self.original_id:
            yield self.original_id, "retweets", self.original_author_id
        if self.parent_id:
            yield self.parent_id, "replies", self.parent_author_id
        if self.quoted_id:
            yield self.quoted_id, "quotes", self.quoted_author_id


_POST = ", ".join(Post._fields)
PUT_POST = put("posts", f"tweet_id, {_POST}")
POSTS = f"SELECT tweet_id, gone, WRITETIME(user_id), WRITETIME(gone), {_POST} FROM posts{{g}} WHERE tweet_id IN ?"


class Mark(NamedTuple):
    """A like or bookmark: since when, and whose the tweet is (0 for a bookmark)."""

    at_ms: int
    author_id: int


class MarkKey(NamedTuple):
    """Whose mark on which tweet, of which kind."""

    user_id: int
    tweet_id: int
    kind: int


def era_of(tweet_id: int) -> int:
    """Return the era of a tweet."""
    return tweet_id >> _ERA_BITS


def first_of_era(era: int) -> int:
    """Return the least id of an era."""
    return era << _ERA_BITS
