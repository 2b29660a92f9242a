"""Loads the accounts' file at once.

Consumes:   the writes of projections.accounts.projector
Writes:     as projections.accounts.sqlite; but no edit is noted among the changes: no cache has seen what came before
Guarantee:  see infra.sqlite.bulk
Rebuild:    delete the file
"""

from __future__ import annotations

from infra.sqlite.bulk import SqliteBulkStore
from projections.accounts.sqlite import SqliteAccountsStore


class SqliteAccountsBulk(SqliteBulkStore):
    """The one writer of accounts while they are loaded."""

    STORE = SqliteAccountsStore
