"""Decides about an account's standing: what a decision is refused for, and what happened then. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, assert_never

from commands.errors import CommandRefusedError
from commands.standing.command import GiveRole, LimitReach, Restore, Suspend, Verify
from projections.accounts.read_model import ROLES
from schemas.accounts.events import AccountRestored, AccountSuspended, ReachChanged, RoleChanged, VerifiedChanged

if TYPE_CHECKING:
    from commands.decision import Stamp
    from commands.standing.command import Standing

MAX_REASON_CHARS = 500
_INVALID = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff]")

Decided = AccountSuspended | AccountRestored | VerifiedChanged | RoleChanged | ReachChanged


def check_reason(text: str, param: str = "reason") -> None:
    """Refuse a reason that cannot be kept."""
    if len(text) > MAX_REASON_CHARS or _INVALID.search(text):
        detail = f"{param} has at most {MAX_REASON_CHARS} characters and no control characters."
        raise CommandRefusedError("reason_invalid", detail, param)


def check(command: Standing, now_ms: int) -> None:
    """Refuse an end that is past, a role that there is not, a reason that cannot be kept."""
    if isinstance(command, Suspend):
        check_reason(command.reason)
        if command.until_ms and command.until_ms <= now_ms:
            raise CommandRefusedError("suspension_over", param="until")
    if isinstance(command, GiveRole) and command.role not in ROLES:
        raise CommandRefusedError("role_unknown", param="role")


def decide(command: Standing, stamp: Stamp) -> Decided:
    """Return what happened; each says how it is now, so that a repeat changes nothing."""
    match command:
        case Suspend():
            return AccountSuspended(
                stamp.envelope(), command.user_id, command.until_ms, command.reason, command.case_id
            )
        case Restore():
            return AccountRestored(stamp.envelope(), command.user_id, command.case_id)
        case Verify():
            return VerifiedChanged(stamp.envelope(), command.user_id, command.verified)
        case GiveRole():
            return RoleChanged(stamp.envelope(), command.user_id, command.role)
        case LimitReach():
            return ReachChanged(stamp.envelope(), command.user_id, command.limited, command.case_id)
        case _:
            assert_never(command)
