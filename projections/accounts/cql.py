"""Keeps accounts on Scylla or Cassandra.

Consumes:   the writes of projections.accounts.projector, placed
Writes:     accounts (user_id → profile), accounts_by_name (lower-cased name → user ids), decided_accounts (bucket → the
            ids that others decided something about), changes (what was edited)
Guarantee:  see infra.cql.projection_store; an account registered twice stays as it was first
Rebuild:    see infra.cql.projection_store
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from infra.cql.many import read_many
from infra.cql.projection_store import CqlProjectionStore, CqlTellingReader, timestamp
from infra.cql.session import Call
from projections.accounts.projector import EditAccount
from projections.accounts.read_model import PLAIN, PROJECTION, Account, Standing

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from infra.cql.projection_store import Steps
    from infra.log.port import Span
    from infra.projections import Placed

DECIDED_BUCKETS = 64  # 6 million accounts before a partition holds 100,000

_COLUMNS = ", ".join(Account._fields)
_PUT = f"INSERT INTO accounts{{g}} ({_COLUMNS}) VALUES ({', '.join('?' * len(Account._fields))}) USING TIMESTAMP ?"
_PUT_NAME = "INSERT INTO accounts_by_name{g} (name, user_id) VALUES (?, ?) USING TIMESTAMP ?"
_FORGET_NAME = "DELETE FROM accounts_by_name{g} USING TIMESTAMP ? WHERE name = ? AND user_id = ?"
_PUT_DECIDED = "INSERT INTO decided_accounts{g} (bucket, user_id) VALUES (?, ?) USING TIMESTAMP ?"
_DECIDED = "SELECT user_id FROM decided_accounts{g} WHERE bucket = ?"
_EDIT = "UPDATE accounts{{g}} USING TIMESTAMP ? SET {} WHERE user_id = ?"
_SINCE = "SELECT user_id, WRITETIME(username), username FROM accounts{g} WHERE user_id IN ?"
_MANY = f"SELECT {_COLUMNS} FROM accounts{{g}} WHERE user_id IN ?"
_BY_NAME = "SELECT name, user_id FROM accounts_by_name{g} WHERE name IN ? PER PARTITION LIMIT 1"


class CqlAccountsStore(CqlProjectionStore):
    """A writer of accounts: those of its log partitions."""

    PROJECTION = PROJECTION
    SCHEMA_VERSION = 3
    TABLES: ClassVar[Mapping[str, str]] = {
        "accounts": """(
            user_id bigint PRIMARY KEY, username text, display_name text, bio text, location text,
            profile_image_url text, banner_image_url text, verified boolean, status text, created_at_ms bigint,
            role text, suspended_until_ms bigint, limited boolean, suspended_reason text, suspended_case bigint)""",
        "accounts_by_name": "(name text, user_id bigint, PRIMARY KEY (name, user_id))",
        "decided_accounts": "(bucket int, user_id bigint, PRIMARY KEY (bucket, user_id))",
    }

    def steps(self, writes: Sequence[Placed], span: Span) -> Steps:
        """Put and edit profiles, side by side: a registration holds where none was before, an edit where one was."""
        user_ids = {placed.write.user_id for placed in writes}
        known = [row for row in read_many(self.session, self.cql(_SINCE), user_ids) if row[1] is not None]
        since, named = {row[0]: row[1] for row in known}, {row[0]: row[2].lower() for row in known}
        calls: list[Call] = []
        forgotten: list[Call] = []
        for placed in writes:
            write, at = placed.write, timestamp(span, placed)
            if isinstance(write, EditAccount):
                if since.get(write.user_id, at) < at:
                    calls += self._edit(write, at)
                    if write.username == "" and (name := named.get(write.user_id)):
                        forgotten.append(Call(self.cql(_FORGET_NAME), (at, name, write.user_id)))
            elif since.setdefault(write.user_id, at) == at:  # none before, or this very one, applied already
                calls.append(Call(self.cql(_PUT), (*write, at)))
                if name := write.username.lower():
                    named[write.user_id] = name
                    calls.append(Call(self.cql(_PUT_NAME), (name, write.user_id, at)))
        yield forgotten  # first: once the name in the profile is empty, nothing tells which one it was
        yield calls
        return user_ids

    def _edit(self, write: EditAccount, at: int) -> list[Call]:
        fields = {name: value for name, value in write._asdict().items() if value is not None and name != "user_id"}
        if not fields:
            return []
        columns = ", ".join(f"{name} = ?" for name in fields)
        calls = [Call(self.cql(_EDIT.format(columns)), (at, *fields.values(), write.user_id))]
        if write.decided:
            calls.append(Call(self.cql(_PUT_DECIDED), (write.user_id % DECIDED_BUCKETS, write.user_id, at)))
        return calls


class CqlAccountsReader(CqlTellingReader):
    """Reads accounts (AccountsReader)."""

    PROJECTION = PROJECTION
    SCHEMA_VERSION = CqlAccountsStore.SCHEMA_VERSION

    def many(self, user_ids: Collection[int]) -> dict[int, Account]:
        """Return the accounts that exist among the ids."""
        return {row[0]: Account._make(row) for row in read_many(self.session, self.cql(_MANY), user_ids)}

    def standings(self) -> dict[int, Standing]:
        """Return the standing of every account that others decided something about."""
        calls = [Call(self.cql(_DECIDED), (bucket,)) for bucket in range(DECIDED_BUCKETS)]
        decided = [row[0] for found in self.session.run_all(calls) for row in found]
        standings = ((user_id, account.standing) for user_id, account in self.many(decided).items())
        return {user_id: standing for user_id, standing in standings if standing != PLAIN}

    def ids_by_username(self, usernames: Collection[str]) -> dict[str, int]:
        """Return user ids by lower-cased name, for the names that exist."""
        names = (name.lower() for name in usernames if name)  # an erased account has none, and no key is empty
        return {row[0]: row[1] for row in read_many(self.session, self.cql(_BY_NAME), names)}
