"""Leaving over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Request, Response

from commands.errors import CommandRefusedError
from commands.execution import execute
from commands.operations import PREFIX
from commands.operations import command as described
from commands.privacy import departure
from commands.privacy.answer import LeaveBody, LeftAnswer
from commands.requests import body_of, check_subject
from infra.auth.tokens import Subject
from infra.http.rate_limits import RateClass, limited_subject

if TYPE_CHECKING:
    from commands.decision import Decision, Stamp
    from commands.services import Services

STRUCTS = (LeaveBody, LeftAnswer)
Who = Annotated[Subject, limited_subject(RateClass.AUTH)]

router = APIRouter(prefix=f"{PREFIX}/users", tags=["privacy"])


@router.delete(
    "/me",
    **described(
        LeftAnswer, body=LeaveBody, body_required=False, problems=("password_wrong", "overloaded", "user_not_found")
    ),
)
async def leave(request: Request, who: Who) -> Response:
    """Close the account: nothing of it shows any more, all its sessions end, and its time of grace begins."""
    body = await body_of(request, LeaveBody, who) if await request.body() else LeaveBody()
    check_subject(request, who, None)
    services: Services = request.app.state.services
    await departure.check_owner(services, who, body.password)

    async def decide(stamp: Stamp) -> Decision:
        certain = await services.views.accounts_fresh(who.user_id)
        account = services.views.accounts.many([who.user_id]).get(who.user_id)
        if account is None:
            raise CommandRefusedError("user_not_found" if certain else "projection_behind")
        return await departure.leave(services, account, stamp)

    answer = await execute(request, who.user_id, decide)
    await services.registry.end_sessions(who.user_id)
    return answer
