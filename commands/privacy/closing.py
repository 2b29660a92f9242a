"""Closes and erases an account for the operator (`murmur users erase`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commands.decision import Stamp
from commands.privacy import departure
from commands.privacy.erasure import Erasure
from infra.clock import rfc3339
from infra.journal.port import Commit
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from commands.services import Services

OPERATOR = 0


async def erase(services: Services, user_id: int, *, now: bool, dry_run: bool) -> dict[str, Any]:
    """Close an account, or (`now`) erase it; return what was done. Raises TroubleError where it goes on later."""
    if dry_run:
        return {"would_undo": _counts(services, user_id), "now": now}
    if not now:
        account = services.views.accounts.many([user_id]).get(user_id)
        if account is None:
            raise TroubleError("the account is not projected yet", "start the stream process")
        stamp = Stamp(OPERATOR, services.clock.now_ms(), "operator", services.next_id)
        decision = await departure.leave(services, account, stamp)
        if decision.events:
            await services.journal.commit(Commit(decision.events, (), (), 200, b"", None))
        await services.registry.end_sessions(user_id)
        erase_at_ms = services.privacy.departures.erase_at(user_id)
        return {"erased_at": rfc3339(erase_at_ms or stamp.now_ms)}
    outcome = await Erasure(services).erase(user_id, now=True)
    if outcome.waits_for:
        what = f"it waits for {', '.join(outcome.waits_for)}"
        raise TroubleError(what, "the stream process has to run; the command process goes on, or repeat the verb")
    return {"erased": True, "remains": list(outcome.remains)}


def _counts(services: Services, user_id: int) -> dict[str, int]:
    follows = services.views.graph.counts([user_id]).get(user_id)
    return {
        "tweets": services.views.tweets.counts_by_author([user_id]).get(user_id, 0),
        "following": follows.following if follows else 0,
        "followers": follows.followers if follows else 0,
    }
