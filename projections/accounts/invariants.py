"""What of the accounts' file is content, and what always holds in it."""

from __future__ import annotations

from infra.sqlite.content import Content, Invariant, Table

CONTENT = Content(
    tables=(Table("accounts", ("user_id",)),),  # `changes` tells caches what was edited since they looked
    invariants=(
        Invariant(
            "an account that is not erased has a name",
            "SELECT user_id FROM accounts WHERE username = '' AND status <> 'DELETED'",
        ),
    ),
)
