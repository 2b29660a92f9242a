"""Push subscriptions over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Request, Response

from commands.errors import CommandRefusedError
from commands.execution import encode
from commands.operations import PREFIX
from commands.push import handler
from commands.push.answer import SentKeys, SubscribeBody, SubscriptionAnswer, UnsubscribeBody, VapidKeyAnswer
from commands.push.command import Subscribe
from commands.requests import body_of, no_body
from infra.auth.tokens import Subject
from infra.http.openapi import operation
from infra.http.rate_limits import RateClass, limited_subject
from infra.http.routes import DirectRoute
from infra.push.subscriptions import id_of

if TYPE_CHECKING:
    import msgspec

    from commands.services import Push, Services

STRUCTS = (SentKeys, SubscribeBody, SubscriptionAnswer, UnsubscribeBody, VapidKeyAnswer)
Who = Annotated[Subject, limited_subject(RateClass.WRITE)]
_PROBLEMS = ("push_off", "body_invalid", "not_the_subject")

router = APIRouter(prefix=f"{PREFIX}/push", route_class=DirectRoute, tags=["notifications"])


@router.get("/vapid-key", **operation(VapidKeyAnswer, problems=_PROBLEMS))
async def vapid_key(request: Request, who: Who) -> Response:
    """Return what a browser subscribes with."""
    await no_body(request, who)
    return _answer(VapidKeyAnswer(_push(request).vapid_key))


@router.post(
    "/subscriptions",
    **operation(
        SubscriptionAnswer,
        status=201,
        body=SubscribeBody,
        problems=(*_PROBLEMS, "subscription_invalid", "not_ready"),
    ),
)
async def subscribe(request: Request, who: Who) -> Response:
    """Tell the account on a device; the newest ten are kept, and an endpoint belongs to whoever gave it last."""
    push = _push(request)
    body = await body_of(request, SubscribeBody, who)
    services: Services = request.app.state.services
    command = Subscribe(who.user_id, body.endpoint, body.keys.p256dh, body.keys.auth)
    allow_loopback = services.settings.push_allow_loopback
    subscription = handler.subscribe(command, services.clock.now_ms(), allow_loopback=allow_loopback)
    push.subscriptions.add(subscription)
    return _answer(SubscriptionAnswer(subscription.subscription_id, True), 201)


@router.delete(
    "/subscriptions", **operation(SubscriptionAnswer, body=UnsubscribeBody, problems=(*_PROBLEMS, "not_ready"))
)
async def unsubscribe(request: Request, who: Who) -> Response:
    """Tell the account on a device no longer; twice is once."""
    push = _push(request)
    body = await body_of(request, UnsubscribeBody, who)
    push.subscriptions.remove(who.user_id, id_of(body.endpoint))
    return _answer(SubscriptionAnswer(id_of(body.endpoint), False))


def _push(request: Request) -> Push:
    services: Services = request.app.state.services
    if services.push is None:
        raise CommandRefusedError("push_off")
    return services.push


def _answer(answer: msgspec.Struct, status: int = 200) -> Response:
    return Response(encode(answer), status, media_type="application/json")
