"""Follow, block and mute over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Request, Response

from commands.execution import execute
from commands.graph import handler, lookups
from commands.graph.answer import BlockAnswer, FollowAnswer, MuteAnswer
from commands.graph.command import Relate
from commands.operations import PREFIX
from commands.operations import command as described
from commands.requests import UserIdText, id_of, no_body
from infra.auth.tokens import Subject
from infra.http.rate_limits import RateClass, limited_subject
from infra.http.routes import DirectRoute

if TYPE_CHECKING:
    from collections.abc import Callable

    from commands.decision import Decision, Stamp
    from commands.graph.found import RelationFound

STRUCTS = (BlockAnswer, FollowAnswer, MuteAnswer)
Who = Annotated[Subject, limited_subject(RateClass.WRITE)]
_RELATE = ("self_relation", "user_not_found")

router = APIRouter(prefix=f"{PREFIX}/users", route_class=DirectRoute, tags=["graph"])


@router.post("/{user_id}/follow", **described(FollowAnswer, problems=(*_RELATE, "blocked")))
async def follow(request: Request, user_id: UserIdText, who: Who) -> Response:
    """Follow an account; twice is once."""
    return await _relate(request, user_id, who, handler.follow)


@router.delete("/{user_id}/follow", **described(FollowAnswer, problems=_RELATE))
async def unfollow(request: Request, user_id: UserIdText, who: Who) -> Response:
    """Follow an account no longer."""
    return await _relate(request, user_id, who, handler.unfollow)


@router.post("/{user_id}/block", **described(BlockAnswer, problems=_RELATE))
async def block(request: Request, user_id: UserIdText, who: Who) -> Response:
    """Block an account: both cease to follow each other, and neither sees the other's tweets."""
    return await _relate(request, user_id, who, handler.block)


@router.delete("/{user_id}/block", **described(BlockAnswer, problems=_RELATE))
async def unblock(request: Request, user_id: UserIdText, who: Who) -> Response:
    """Block an account no longer."""
    return await _relate(request, user_id, who, handler.unblock)


@router.post("/{user_id}/mute", **described(MuteAnswer, problems=_RELATE))
async def mute(request: Request, user_id: UserIdText, who: Who) -> Response:
    """See an account's tweets no longer; it is not told."""
    return await _relate(request, user_id, who, handler.mute)


@router.delete("/{user_id}/mute", **described(MuteAnswer, problems=_RELATE))
async def unmute(request: Request, user_id: UserIdText, who: Who) -> Response:
    """See an account's tweets again."""
    return await _relate(request, user_id, who, handler.unmute)


async def _relate(
    request: Request, user_id: str, who: Subject, decide: Callable[[Relate, RelationFound, Stamp], Decision]
) -> Response:
    await no_body(request, who)
    command = Relate(who.user_id, id_of(user_id, "user_not_found", "user_id"))

    async def with_found(stamp: Stamp) -> Decision:
        return decide(command, await lookups.for_relate(request.app.state.services, command), stamp)

    return await execute(request, who.user_id, with_found)
