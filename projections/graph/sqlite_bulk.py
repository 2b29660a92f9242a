"""Loads the graph's file at once.

Consumes:   the writes of projections.graph.projector
Writes:     as projections.graph.sqlite
Guarantee:  see infra.sqlite.bulk
Rebuild:    delete the file
"""

from __future__ import annotations

from infra.sqlite.bulk import SqliteBulkStore
from projections.graph.sqlite import SqliteGraphStore


class SqliteGraphBulk(SqliteBulkStore):
    """The one writer of the graph while it is loaded."""

    STORE = SqliteGraphStore
    COUNT = """
    INSERT INTO follow_counts SELECT user_id, sum(followers), sum(following) FROM (
        SELECT target_id AS user_id, count(*) AS followers, 0 AS following FROM follows GROUP BY target_id
        UNION ALL SELECT user_id, 0, count(*) FROM follows GROUP BY user_id)
    GROUP BY user_id;
    """
