"""HTTP: `GET /stream` is admitted here like any query; query_api.live.held keeps it open from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

from fastapi import APIRouter, Depends, Query, Response
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotation

from infra.auth.bearer import check_scopes, subject
from infra.auth.scopes import CHANNELS
from infra.auth.tokens import MAX_TOKEN_CHARS, TokenError
from infra.http.problems import Problem
from infra.http.rate_limits import RateClass, limited
from infra.http.routes import DirectRoute
from infra.places import WORLD, places
from query_api.errors import InvalidValueError, NotKeptError, NotReadyError
from query_api.live import counters
from query_api.live.doors import Visitor
from query_api.live.index import Wanted
from query_api.live.notices import from_ids
from query_api.live.opening import until_reached
from query_api.live.positions import MAX_CHARS, InvalidEventIdError
from query_api.openapi import API, describe_stream
from query_api.reading import check_standing
from schemas.ids import from_uuid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.auth.tokens import Subject
    from query_api.bootstrap import Services
    from query_api.live.hub import Hub
    from query_api.live.index import Viewer
    from query_api.live.positions import Vector

router = APIRouter(prefix=API, route_class=DirectRoute, tags=["live"], dependencies=[limited(RateClass.READ)])
PATH = f"{API}/stream"
HELD = "murmuration.held"
"""In the scope of a request that somebody keeps open once it is admitted; of others (a HEAD) the stream is empty."""
ADMITTED = "murmuration.stream"
LAST_EVENT_ID = "Last-Event-ID"

STREAMS = tuple(CHANNELS)
MOST_WATCHED = counters.MOST_WATCHED
_ID_CHARS = 37  # of a UUID and its comma

Ticket = Annotated[
    str | None, Query(max_length=MAX_TOKEN_CHARS, description="Instead of a token: of POST /auth/stream-tickets.")
]
SinceText = Annotated[
    str | None, Query(max_length=MAX_CHARS, description=f"Instead of {LAST_EVENT_ID}: what came after that message.")
]
Kinds = Annotated[
    str, Query(alias="streams", max_length=64, description=f"What to tell of, comma-separated: {', '.join(STREAMS)}.")
]
Watched = Annotated[
    str, Query(max_length=MOST_WATCHED * _ID_CHARS, description="Tweets whose counters to tell of, comma-separated.")
]
Woeid = Annotated[int, Query(ge=1, le=2**31 - 1, description="The place whose trends to tell of; 1 is the world.")]


class Admitted(NamedTuple):
    """A stream that may be opened; the viewer is pinned, and inside."""

    viewer: Viewer
    wanted: Wanted
    visitor: Visitor


async def _request(request: Request) -> Request:
    return request


@router.get("/stream", **describe_stream("event_id_invalid", "ticket_invalid", "too_many_streams", "not_kept"))
async def stream(
    request: Annotated[Request, Depends(_request)],
    streams: Kinds = "home",
    tweet_ids: Watched = "",
    woeid: Woeid = WORLD,
    ticket: Ticket = None,
    last_event_id: SinceText = None,
) -> Response:
    """Open a stream of events: what concerns the viewer, as it happens. Or a WebSocket, at the same path."""
    services: Services = request.app.state.services
    kinds, watched = _kinds(streams), tweets_named(tweet_ids)
    if woeid not in places():
        raise InvalidValueError("woeid", "there is no such place; /trends/places lists them")
    who = await subject(request) if ticket is None else _of_ticket(services, ticket)
    check_scopes(who, {CHANNELS[kind] for kind in kinds})
    _check_kept(services, kinds)
    check_standing(who.user_id, services.stores.readers())
    if HELD in request.scope:
        live = services.live
        visitor = Visitor(who.user_id, services.rate_limits.caller(request.scope))
        live.doors.enter(visitor)
        try:
            since = await _since(request.headers.get(LAST_EVENT_ID) or last_event_id, (await live.followed()).hub)
            viewer = await live.admit(who.user_id)
        except BaseException:
            live.doors.leave(visitor)
            raise
        wanted = Wanted(
            who.session_id,
            who.expires_at_ms,
            home="home" in kinds,
            notifications="notifications" in kinds,
            tweet_ids=watched if "counters" in kinds else frozenset(),
            place=woeid if "trends" in kinds else 0,
            since=since,
        )
        request.scope[ADMITTED] = Admitted(viewer, wanted, visitor)
    return Response(media_type="text/event-stream")


def _kinds(text: str) -> frozenset[str]:
    kinds = frozenset(text.split(","))
    if not kinds <= frozenset(STREAMS):
        raise InvalidValueError("streams", f"streams are {', '.join(STREAMS)}, comma-separated")
    return kinds


def tweets_named(text: str) -> frozenset[int]:
    """Return the tweets that a comma-separated list names; raises InvalidValueError."""
    return tweets_of_ids(text.split(",")) if text else frozenset()


def tweets_of_ids(texts: Sequence[str]) -> frozenset[int]:
    """Return the tweets of these ids; raises InvalidValueError."""
    if len(texts) > MOST_WATCHED:
        raise InvalidValueError("tweet_ids", f"a stream tells of the counters of {MOST_WATCHED} tweets at most")
    found = {tweet_id for text in texts if (tweet_id := from_uuid(text)) is not None}
    if len(found) < len(set(texts)):
        raise InvalidValueError("tweet_ids", "one of them is no id of this service")
    return frozenset(found)


def _check_kept(services: Services, kinds: frozenset[str]) -> None:
    needed = {"accounts", "graph", "tweets", "engagement"} | (kinds & {"notifications", "trends"})
    if missing := needed - services.stores.names:
        raise NotKeptError(missing)


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
        await until_reached(hub, since | from_ids(since))  # another process may have been quicker
    except NotReadyError:
        return too_old
    return since
