"""What of the graph's file is content, and what always holds in it."""

from __future__ import annotations

from infra.sqlite.content import Content, Invariant, Table, counted


def _counted(column: str, of: str) -> Invariant:
    counted_rows = f"SELECT {of} AS user_id, count(*) AS n FROM follows GROUP BY {of}"
    return counted(f"the count of {column} is the number of rows", "follow_counts", "user_id", column, counted_rows)


CONTENT = Content(
    tables=(
        Table("follows", ("user_id", "target_id")),
        Table("blocks", ("user_id", "target_id")),
        Table("mutes", ("user_id", "target_id")),
        Table("follow_counts", ("user_id",)),
    ),
    invariants=(
        _counted("followers", "target_id"),
        _counted("following", "user_id"),
        Invariant(
            "an account without follows has no counts",
            "SELECT user_id FROM follow_counts WHERE followers = 0 AND following = 0",
        ),
    ),
)
