"""Gives every account of an import the same password, so that one can log in as any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argon2 import PasswordHasher, Type

from commands.accounts.handler import MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS
from commands.imports.rules import claims_of
from infra.auth.credentials import SqliteCredentials
from infra.auth.passwords import LANES, PASSES
from infra.auth.personal_data import new_key
from infra.sqlite.connections import Durability, open_writer
from infra.trouble import TroubleError
from schemas.accounts.events import AccountRegistered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commands.imports.plan import Step
    from infra.settings import Settings

_INSERT = """
INSERT INTO accounts (user_id, claim, password_hash, data_key, created_at_ms, confirmed) VALUES (?, ?, ?, ?, ?, 1)
ON CONFLICT (user_id) DO UPDATE SET password_hash = excluded.password_hash
"""


def give(settings: Settings, steps: Iterator[Step], password: str) -> None:
    """Keep one hash for all accounts that the steps register, in one durable transaction; a repeat renews it.

    Raises TroubleError where nobody may have such a password.
    """
    if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
        raise TroubleError("the password is too short or too long", f"give {MIN_PASSWORD_CHARS} characters or more")
    SqliteCredentials(settings.credentials_path).close()  # makes the tables
    encoded = PasswordHasher(PASSES, settings.argon2_memory_kib, LANES, type=Type.ID).hash(password)
    registered = (event for step in steps for event in step if isinstance(event, AccountRegistered))
    accounts = (
        (claim.owner, claim.key, encoded, new_key(), event.envelope.occurred_at_ms)
        for event in registered
        for claim in claims_of(event)
    )
    connection = open_writer(settings.credentials_path, Durability.FULL)
    try:
        with connection:
            connection.executemany(_INSERT, accounts)
    finally:
        connection.close()
