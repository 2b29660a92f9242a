"""What is sent and told about leaving."""

from __future__ import annotations

import msgspec


class LeaveBody(msgspec.Struct, forbid_unknown_fields=True):
    """Whoever has just logged in needs no password."""

    user_id: str | None = None
    password: str | None = None


class LeftAnswer(msgspec.Struct):
    """The account is closed; until `erased_at` its owner comes back by logging in."""

    user_id: str
    erased_at: str
    status: str = "DELETED"
