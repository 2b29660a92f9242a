"""What of the search index is content, and what always holds in it."""

from __future__ import annotations

from infra.sqlite.content import Content, Invariant, Table


def _words(table: str) -> Table:
    """Return every word of a full-text table with where it stands: all that can be read back of one."""
    made = f"CREATE VIRTUAL TABLE IF NOT EXISTS temp.{table}_words USING fts5vocab('main', '{table}', 'instance')"
    columns = ("term", "doc", "col", '"offset"')
    return Table(f"{table}_words", columns, columns, f"temp.{table}_words", made, by_key=True, base=table)


CONTENT = Content(
    tables=(_words("tweets"), Table("removed", ("tweet_id",)), _words("people")),
    invariants=(
        Invariant(
            "what was removed is not found",
            "SELECT tweet_id FROM removed WHERE EXISTS (SELECT 1 FROM tweets WHERE rowid = tweet_id)",
        ),
    ),
)
