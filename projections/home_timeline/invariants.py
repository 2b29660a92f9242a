"""What of the home timelines' file is content, and what always holds in it.

How timelines are kept — horizons, who is a celebrity since when — depends on the order in which partitions were read:
what readers see does not, and is compared page by page (streams.replay.pages).
"""

from __future__ import annotations

from infra.sqlite.content import Content, Invariant, Table, counted

CONTENT = Content(
    tables=(
        Table("outbox", ("author_id", "tweet_id")),
        Table("follows", ("reader_id", "author_id")),
        Table("followers", ("author_id",), source="followers WHERE count > 0"),
    ),
    invariants=(
        counted(
            "the count of followers is the number of rows",
            "followers",
            "author_id",
            "count",
            "SELECT author_id, count(*) AS n FROM follows GROUP BY author_id",
        ),
        Invariant(
            "nothing is kept below a reader's horizon",
            "SELECT reader_id, tweet_id FROM readers JOIN entries USING (reader_id) WHERE tweet_id < horizon",
        ),
        Invariant(
            "a live reader is in the audience of all that it follows, but for celebrities",
            "SELECT reader_id, author_id FROM follows JOIN readers USING (reader_id) "
            "WHERE author_id NOT IN (SELECT author_id FROM celebrities) "
            "EXCEPT SELECT reader_id, author_id FROM audience",
        ),
        Invariant(
            "an audience is of live readers, who follow the author or are the author",
            "SELECT reader_id, author_id FROM audience WHERE reader_id NOT IN (SELECT reader_id FROM readers) "
            "OR (reader_id <> author_id AND NOT EXISTS (SELECT 1 FROM follows WHERE "
            "follows.reader_id = audience.reader_id AND follows.author_id = audience.author_id))",
        ),
    ),
)
