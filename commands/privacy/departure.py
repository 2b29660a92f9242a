"""Closes accounts and opens them again, in an order in which a crash leaves none closed for ever, or half closed.

The time of the erasure is noted first: for an account that is not closed after all it means nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.decision import Stamp
from commands.errors import CommandRefusedError
from commands.privacy import handler
from infra.http.problems import Problem
from infra.journal.port import AlreadyClaimedError

if TYPE_CHECKING:
    from commands.decision import Decision
    from commands.services import Services
    from infra.auth.tokens import Subject
    from projections.accounts.read_model import Account

DAY_MS = 86_400_000


async def check_owner(services: Services, who: Subject, password: str | None) -> None:
    """Refuse whoever holds no more than a token that was left open."""
    if password is None:
        if not handler.is_recent(who.session_id, services.clock.now_ms()):
            raise Problem("password_wrong", "Log in anew, or send the password.", param="password")
    elif not await services.registry.password_matches(who.user_id, password):
        raise Problem("password_wrong", param="password")


async def leave(services: Services, account: Account, stamp: Stamp) -> Decision:
    """Close an account, and note when it is to be erased."""
    departures = services.privacy.departures
    erase_at_ms = departures.erase_at(account.user_id)
    if erase_at_ms is None:
        erase_at_ms = stamp.now_ms + services.settings.erasure_grace_days * DAY_MS
        departures.note(account.user_id, erase_at_ms)
    return handler.leave(account, erase_at_ms, stamp)


async def come_back(services: Services, account: Account, request_id: str) -> None:
    """Open a closed account again: its owner has logged in."""
    stamp = Stamp(account.user_id, services.clock.now_ms(), request_id, services.next_id)
    try:
        await services.journal.commit(handler.come_back(account, stamp))
    except AlreadyClaimedError as error:  # its erasure has begun
        raise CommandRefusedError("login_failed") from error
    services.privacy.departures.forget(account.user_id)
