"""Gives every account of an import the same password, so that one can log in as any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from argon2 import PasswordHasher, Type

from commands.accounts.handler import MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS
from commands.imports.rules import claims_of
from infra.auth.credentials import SqliteCredentials
from infra.auth.passwords import LANES, PASSES
from infra.sqlite.connections import Durability, open_writer
from infra.trouble import TroubleError
from schemas.accounts.events import AccountRegistered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from commands.imports.plan import Step
    from infra.settings import Settings

_INSERT = """
INSERT INTO accounts (user_id, claim, password_hash, created_at_ms, confirmed) VALUES (?, ?, ?, ?, 1)
ON CONFLICT (user_id) DO UPDATE SET password_hash = excluded.password_hash
"""


class Registered(NamedTuple):
    """An account of the import, and the name that it claims."""

    user_id: int
    claim: str
    at_ms: int


def encoded(settings: Settings, password: str) -> str:
    """Return the one hash of all accounts; raises TroubleError where nobody may have such a password."""
    if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
        raise TroubleError("the password is too short or too long", f"give {MIN_PASSWORD_CHARS} characters or more")
    hasher = PasswordHasher(PASSES, settings.argon2_memory_kib, LANES, type=Type.ID)
    return hasher.hash(password)


def registered(steps: Iterable[Step]) -> Iterator[Registered]:
    """Yield the accounts that the steps register."""
    events = (event for step in steps for event in step if isinstance(event, AccountRegistered))
    for event in events:
        yield from (Registered(it.owner, it.key, event.envelope.occurred_at_ms) for it in claims_of(event))


def give(settings: Settings, accounts: Iterable[Registered], password_hash: str) -> None:
    """Keep the hash for all accounts in one durable transaction; a repeat renews it."""
    SqliteCredentials(settings.credentials_path).close()  # makes the tables
    rows = ((it.user_id, it.claim, password_hash, it.at_ms) for it in accounts)
    connection = open_writer(settings.credentials_path, Durability.FULL)
    try:
        with connection:
            connection.executemany(_INSERT, rows)
    finally:
        connection.close()
