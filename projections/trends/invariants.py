"""What of the trends' file is content, and what always holds in it."""

from __future__ import annotations

from infra.sqlite.content import Content, Invariant, Table


def _authors(table: str) -> Invariant:
    return Invariant(
        f"{table}: a topic has at most as many authors as uses, and at least one",
        f"SELECT at_ms, place, topic FROM {table} WHERE authors > uses OR authors < 1",
    )


CONTENT = Content(
    tables=(
        Table("said", ("topic", "tweet_id")),
        Table("hours", ("place", "topic", "at_ms")),
        Table("days", ("place", "topic", "at_ms")),
        Table("partitions", ("partition",)),
        Table("ages", ("length_ms", "day_ms")),
    ),
    invariants=(_authors("hours"), _authors("days")),
)
