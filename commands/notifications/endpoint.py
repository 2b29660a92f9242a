"""Notifications over HTTP: read, and which kinds are wanted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import APIRouter, Request, Response

from commands.execution import execute
from commands.notifications import handler
from commands.notifications.answer import PreferencesAnswer, PreferencesBody, ReadAnswer, ReadBody
from commands.notifications.command import MarkRead, Prefer
from commands.operations import PREFIX
from commands.operations import command as described
from commands.requests import body_of, check_subject
from infra.auth.tokens import Subject
from infra.http.rate_limits import RateClass, limited_subject
from infra.http.routes import DirectRoute

if TYPE_CHECKING:
    from commands.decision import Decision, Stamp

STRUCTS = (PreferencesAnswer, PreferencesBody, ReadAnswer, ReadBody)
Who = Annotated[Subject, limited_subject(RateClass.WRITE)]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

router = APIRouter(prefix=f"{PREFIX}/notifications", route_class=DirectRoute, tags=["notifications"])


@router.post("/read", **described(ReadAnswer, body=ReadBody, body_required=False))
async def mark_read(request: Request, who: Who) -> Response:
    """Mark notifications as read, up to a time (the `created_at` of the newest that was seen) or up to now."""
    body = await body_of(request, ReadBody, who) if await request.body() else ReadBody()
    check_subject(request, who, None)
    up_to_ms = None if body.up_to is None else (body.up_to - _EPOCH) // timedelta(milliseconds=1)
    command = MarkRead(who.user_id, up_to_ms)

    async def decide(stamp: Stamp) -> Decision:
        return handler.mark_read(command, stamp)

    return await execute(request, who.user_id, decide)


@router.patch("/preferences", **described(PreferencesAnswer, body=PreferencesBody))
async def prefer(request: Request, who: Who) -> Response:
    """Switch kinds of notifications on or off: one that is off is neither shown, counted nor pushed."""
    body = await body_of(request, PreferencesBody, who)
    named = msgspec.structs.asdict(body)
    del named["user_id"]
    command = Prefer(who.user_id, {kind: wanted for kind, wanted in named.items() if wanted is not None})

    async def decide(stamp: Stamp) -> Decision:
        return handler.prefer(command, stamp)

    return await execute(request, who.user_id, decide)
