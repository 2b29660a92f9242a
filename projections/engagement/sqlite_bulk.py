"""Loads the engagement's file at once.

Consumes:   the writes of projections.engagement.projector
Writes:     as projections.engagement.sqlite; what is buried goes at the end: a trigger that asks before each row makes
            a savepoint of each, which costs more than the row
Guarantee:  see infra.sqlite.bulk
Rebuild:    delete the file
"""

from __future__ import annotations

from infra.sqlite.bulk import SqliteBulkStore
from projections.engagement.sqlite import SqliteEngagementStore

_COUNTED = (
    ("likes", "likes", "tweet_id", "user_id", "author_id"),
    ("retweets", "retweets", "original_id", "user_id", "original_author_id"),
    ("replies", "responses", "parent_id", "author_id", "parent_author_id"),
    ("quotes", "responses", "quoted_id", "author_id", "quoted_author_id"),
)
"""Column of counts, table, and its columns: the tweet that is counted for, who did it, and to whom."""

_COUNTS = " UNION ALL ".join(
    f"SELECT {tweet} AS tweet_id, "
    + ", ".join("count(*)" if each == column else "0" for each, *_ in _COUNTED)
    + f" FROM {table} WHERE {tweet} > 0 GROUP BY {tweet}"
    for column, table, tweet, _, _ in _COUNTED
)
_INTERACTIONS = " UNION ALL ".join(
    f"SELECT {viewer} AS viewer_id, {author} AS author_id FROM {table} WHERE {tweet} > 0 AND {viewer} <> {author}"
    for _, table, tweet, viewer, author in _COUNTED
)


class SqliteEngagementBulk(SqliteBulkStore):
    """The one writer of engagement while it is loaded."""

    STORE = SqliteEngagementStore
    COUNT = f"""
    DELETE FROM retweets WHERE tweet_id IN (SELECT tweet_id FROM buried);
    DELETE FROM responses WHERE tweet_id IN (SELECT tweet_id FROM buried);
    INSERT INTO counts WITH each (tweet_id, likes, retweets, replies, quotes) AS ({_COUNTS})
        SELECT tweet_id, sum(likes), sum(retweets), sum(replies), sum(quotes) FROM each GROUP BY tweet_id;
    INSERT INTO interactions WITH each AS ({_INTERACTIONS})
        SELECT viewer_id, author_id, count(*) FROM each GROUP BY viewer_id, author_id;
    """
