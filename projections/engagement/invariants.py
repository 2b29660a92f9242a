"""What of the engagement's file is content, and what always holds in it."""

from __future__ import annotations

from infra.sqlite.content import Content, Invariant, Table, counted

_COUNTED = (
    ("likes", "likes", "tweet_id", "user_id", "author_id"),
    ("retweets", "retweets", "original_id", "user_id", "original_author_id"),
    ("replies", "responses", "parent_id", "author_id", "parent_author_id"),
    ("quotes", "responses", "quoted_id", "author_id", "quoted_author_id"),
)


def _counted(column: str, table: str, tweet: str) -> Invariant:
    counted_rows = f"SELECT {tweet} AS tweet_id, count(*) AS n FROM {table} WHERE {tweet} > 0 GROUP BY {tweet}"
    return counted(f"the count of {column} is the number of rows", "counts", "tweet_id", column, counted_rows)


_EACH = " UNION ALL ".join(
    f"SELECT {viewer} AS viewer_id, {author} AS author_id FROM {table} WHERE {tweet} > 0 AND {viewer} <> {author}"
    for _, table, tweet, viewer, author in _COUNTED
)

CONTENT = Content(
    tables=(
        Table("likes", ("user_id", "tweet_id")),
        Table("bookmarks", ("user_id", "tweet_id")),
        Table("retweets", ("user_id", "original_id", "tweet_id")),
        Table("responses", ("tweet_id",)),
        Table("buried", ("tweet_id",)),
        Table("counts", ("tweet_id",)),
        Table("interactions", ("viewer_id", "author_id")),
    ),
    invariants=(
        *(_counted(column, table, tweet) for column, table, tweet, _, _ in _COUNTED),
        counted(
            "interactions are the number of rows between two accounts",
            "interactions",
            "viewer_id, author_id",
            "n",
            f"SELECT viewer_id, author_id, count(*) AS n FROM ({_EACH}) GROUP BY 1, 2",
        ),
        Invariant(
            "a tweet that nobody engaged with has no counts",
            "SELECT tweet_id FROM counts WHERE likes = 0 AND retweets = 0 AND replies = 0 AND quotes = 0",
        ),
        Invariant("what is buried does not respond", "SELECT tweet_id FROM responses JOIN buried USING (tweet_id)"),
        Invariant("what is buried does not retweet", "SELECT tweet_id FROM retweets JOIN buried USING (tweet_id)"),
    ),
)
