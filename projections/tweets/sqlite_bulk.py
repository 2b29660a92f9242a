"""Loads the tweets' file at once.

Consumes:   the writes of projections.tweets.projector
Writes:     as projections.tweets.sqlite; what was removed goes at the end, with its retweets
Guarantee:  see infra.sqlite.bulk
Rebuild:    delete the file
"""

from __future__ import annotations

from infra.sqlite.bulk import SqliteBulkStore
from projections.tweets.sqlite import SqliteTweetsStore


class SqliteTweetsBulk(SqliteBulkStore):
    """The one writer of tweets while they are loaded."""

    STORE = SqliteTweetsStore
    COUNT = """
    DELETE FROM tweets WHERE tweet_id IN (SELECT id FROM removals);
    DELETE FROM tweets WHERE original_id > 0 AND original_id IN (SELECT id FROM removals);
    INSERT INTO author_counts SELECT author_id, count(*) FROM tweets GROUP BY author_id;
    """
