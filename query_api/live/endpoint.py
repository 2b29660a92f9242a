"""HTTP: `GET /stream` is admitted here like any query; query_api.live.held keeps it open from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

from fastapi import APIRouter, Depends, Query, Response
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotation

from infra.auth.bearer import subject
from infra.auth.tokens import MAX_TOKEN_CHARS, TokenError
from infra.http.problems import Problem
from infra.http.rate_limits import RateClass, limited
from query_api.errors import NotKeptError, NotReadyError
from query_api.live.opening import until_reached
from query_api.live.positions import MAX_CHARS, InvalidEventIdError
from query_api.live.service import Wanted
from query_api.openapi import API, describe_stream
from query_api.routes import QueryRoute

if TYPE_CHECKING:
    from infra.auth.tokens import Subject
    from query_api.bootstrap import Services
    from query_api.live.hub import Hub
    from query_api.live.index import Viewer
    from query_api.live.positions import Vector

router = APIRouter(prefix=API, route_class=QueryRoute, tags=["live"], dependencies=[limited(RateClass.READ)])
PATH = f"{API}/stream"
HELD = "murmuration.held"
"""In the scope of a request that somebody keeps open once it is admitted; of others (a HEAD) the stream is empty."""
ADMITTED = "murmuration.stream"
LAST_EVENT_ID = "Last-Event-ID"

Ticket = Annotated[
    str | None, Query(max_length=MAX_TOKEN_CHARS, description="Instead of a token: of POST /auth/stream-tickets.")
]
SinceText = Annotated[
    str | None, Query(max_length=MAX_CHARS, description=f"Instead of {LAST_EVENT_ID}: what came after that message.")
]


class Admitted(NamedTuple):
    """A stream that may be opened; the viewer is pinned."""

    viewer: Viewer
    wanted: Wanted


async def _request(request: Request) -> Request:
    return request


@router.get("/stream", **describe_stream("event_id_invalid", "ticket_invalid", "not_kept"))
async def stream(
    request: Annotated[Request, Depends(_request)], ticket: Ticket = None, last_event_id: SinceText = None
) -> Response:
    """Open a stream of server-sent events: what concerns the viewer, as it happens."""
    services: Services = request.app.state.services
    who = await subject(request) if ticket is None else _of_ticket(services, ticket)
    live = services.live
    if live is None:
        raise NotKeptError(("live",))
    if HELD in request.scope:
        hub = await live.hub()
        since = await _since(request.headers.get(LAST_EVENT_ID) or last_event_id, hub)
        viewer = await live.admit(who.user_id)
        wanted = Wanted(who.user_id, who.session_id, who.expires_at_ms, home=True, since=since)
        request.scope[ADMITTED] = Admitted(viewer, wanted)
    return Response(media_type="text/event-stream")


def _of_ticket(services: Services, ticket: str) -> Subject:
    try:
        return services.tickets.take(ticket)
    except TokenError as error:
        raise Problem(error.code, param="ticket") from error


async def _since(text: str | None, hub: Hub) -> Vector | None:
    """Return where to go on from; None: from now on."""
    if not text:
        return None
    too_old = dict.fromkeys(hub.positions.places, -1)
    try:
        since = hub.positions.read(text)
    except InvalidEventIdError as error:
        raise Problem("event_id_invalid", str(error), param=LAST_EVENT_ID) from error
    if since is None:
        return too_old
    try:
        await until_reached(hub, since)  # another process may have been quicker
    except NotReadyError:
        return too_old
    return since
