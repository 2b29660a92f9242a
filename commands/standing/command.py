"""Requests about an account's standing, as data; who asks stands in the stamp."""

from __future__ import annotations

from typing import NamedTuple


class Suspend(NamedTuple):
    """Let the account do nothing, and show nothing of it, until a time (unix milliseconds; 0: without an end)."""

    user_id: int
    until_ms: int
    reason: str
    case_id: int = 0


class Restore(NamedTuple):
    """End a suspension before its time."""

    user_id: int
    case_id: int = 0


class Verify(NamedTuple):
    """Give or take the badge."""

    user_id: int
    verified: bool


class GiveRole(NamedTuple):
    """Make the account a user, a moderator or an admin."""

    user_id: int
    role: str


class LimitReach(NamedTuple):
    """Limit the account's reach, or limit it no more."""

    user_id: int
    limited: bool
    case_id: int = 0


Standing = Suspend | Restore | Verify | GiveRole | LimitReach
