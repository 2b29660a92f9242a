"""What is sent and told about leaving."""

from __future__ import annotations

import msgspec

from commands.accounts.answer import Password
from commands.fields import SentId


class LeaveBody(msgspec.Struct, forbid_unknown_fields=True):
    """Whoever has just logged in needs no password."""

    user_id: SentId | None = None
    password: Password | None = None


class LeftAnswer(msgspec.Struct):
    """The account is closed; until `erased_at` its owner comes back by logging in."""

    user_id: str
    erased_at: str
    status: str = "DELETED"


class ExportAnswer(msgspec.Struct):
    """An export is being made, or can be fetched from `download` until `expires_at`."""

    status: str
    download: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    expires_at: str | None = None
