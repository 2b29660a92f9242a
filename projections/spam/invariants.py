"""What of the spam file is content, and what always holds in it."""

from __future__ import annotations

from infra.sqlite.content import Content, Invariant, Table

CONTENT = Content(
    tables=(Table("authors", ("user_id",)),),
    invariants=(Invariant("what is kept of an author is something", "SELECT user_id FROM authors WHERE kept = x''"),),
)
