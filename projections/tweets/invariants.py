"""What of the tweets' file is content, and what always holds in it."""

from __future__ import annotations

from infra.sqlite.content import Content, Invariant, Table, counted

CONTENT = Content(
    tables=(
        Table("tweets", ("tweet_id",)),
        Table("removals", ("id",), ("id",)),  # its other column is the order of arrival
        Table("author_counts", ("author_id",)),
    ),
    invariants=(
        counted(
            "an author's count is the number of their tweets",
            "author_counts",
            "author_id",
            "tweets",
            "SELECT author_id, count(*) AS n FROM tweets GROUP BY author_id",
        ),
        Invariant("an author without tweets has no count", "SELECT author_id FROM author_counts WHERE tweets = 0"),
        Invariant("what was removed is gone", "SELECT tweet_id FROM tweets JOIN removals ON id = tweet_id"),
        Invariant(
            "retweets of what was removed are gone",
            "SELECT tweet_id, original_id FROM tweets JOIN removals ON id = original_id WHERE original_id > 0",
        ),
        Invariant(
            "whose tweet is retweeted is said",
            "SELECT tweet_id FROM tweets WHERE (original_id > 0) <> (original_author_id > 0)",
        ),
    ),
)
