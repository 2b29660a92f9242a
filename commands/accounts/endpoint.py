"""Accounts over HTTP: register, log in, refresh, log out, edit the profile; the public keys of tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Request, Response

from commands.accounts import handler, sessions
from commands.accounts.answer import (
    LoggedOutAnswer,
    LoginBody,
    ProfileBody,
    RefreshBody,
    RegisterBody,
    SessionAnswer,
    TicketAnswer,
    UserAnswer,
)
from commands.accounts.command import EditProfile, Register
from commands.errors import CommandRefusedError
from commands.execution import encode, execute, idempotency_key, respond
from commands.media.endpoint import MEDIA_PROBLEMS
from commands.media.lookups import of_owner
from commands.operations import CONSISTENCY_OUT, IDEMPOTENCY, PREFIX, REPLAYED
from commands.operations import command as described
from commands.requests import body_of, id_of, no_body
from infra.auth.tickets import LIFETIME_S, StreamTickets
from infra.auth.tokens import Subject
from infra.http.openapi import operation
from infra.http.problems import REQUEST_ID
from infra.http.rate_limits import RateClass, limited, limited_subject

if TYPE_CHECKING:
    from commands.decision import Decision, Stamp
    from commands.services import Services

STRUCTS = (LoggedOutAnswer, LoginBody, ProfileBody, RefreshBody, RegisterBody, SessionAnswer, TicketAnswer, UserAnswer)
_SESSION = ("body_invalid", "overloaded", "log_unavailable", "projection_behind", "clock_went_back")
_REGISTER = (
    *_SESSION,
    "username_invalid",
    "username_taken",
    "email_invalid",
    "email_taken",
    "password_invalid",
    "profile_invalid",
    "idempotency_key_invalid",
    "idempotency_key_reused",
)
Who = Annotated[Subject, limited_subject(RateClass.WRITE)]

auth = APIRouter(prefix=f"{PREFIX}/auth", tags=["accounts"])
users = APIRouter(prefix=f"{PREFIX}/users", tags=["accounts"])


@auth.post(
    "/register",
    dependencies=[limited(RateClass.AUTH)],
    **operation(
        SessionAnswer,
        status=201,
        body=RegisterBody,
        problems=_REGISTER,
        headers=(IDEMPOTENCY,),
        answer_headers=(CONSISTENCY_OUT, REPLAYED),
        bearer=False,
    ),
)
async def register(request: Request) -> Response:
    """Open an account and its first session."""
    body = await body_of(request, RegisterBody)
    email = (body.email or "").strip()
    command = Register(body.username, email, body.display_name or "", body.bio or "", body.location or "")
    services, caller = _caller(request)
    return respond(services, await sessions.register(services, command, body.password, caller))


@auth.post(
    "/login",
    dependencies=[limited(RateClass.AUTH)],
    **operation(
        SessionAnswer,
        body=LoginBody,
        problems=(*_SESSION, "login_failed"),
        answer_headers=(CONSISTENCY_OUT,),
        bearer=False,
    ),
)
async def log_in(request: Request) -> Response:
    """Open a session."""
    body = await body_of(request, LoginBody)
    services, caller = _caller(request)
    return respond(services, await sessions.log_in(services, body.username, body.password, caller))


@auth.post(
    "/refresh",
    dependencies=[limited(RateClass.AUTH)],
    **operation(
        SessionAnswer,
        body=RefreshBody,
        problems=(*_SESSION, "refresh_token_invalid", "refresh_token_reused"),
        answer_headers=(CONSISTENCY_OUT,),
        bearer=False,
    ),
)
async def refresh(request: Request) -> Response:
    """Exchange a refresh token, which is good for one use; a second use ends the session."""
    body = await body_of(request, RefreshBody)
    services, caller = _caller(request)
    return respond(services, await sessions.refresh(services, body.refresh_token, caller))


@auth.post(
    "/logout",
    **operation(LoggedOutAnswer, problems=("body_invalid", "not_the_subject")),
)
async def log_out(request: Request, who: Annotated[Subject, limited_subject(RateClass.AUTH)]) -> Response:
    """End the session: its access token is refused from now on, its refresh token too."""
    await no_body(request, who)
    services: Services = request.app.state.services
    await services.registry.end_session(who.session_id)
    return Response(encode(LoggedOutAnswer()), media_type="application/json")


@auth.post("/stream-tickets", **operation(TicketAnswer, status=201, problems=("body_invalid", "not_the_subject")))
async def take_ticket(request: Request, who: Who) -> Response:
    """Take a ticket, by which a browser opens one stream at the query API: /api/v1/stream?ticket=."""
    await no_body(request, who)
    services: Services = request.app.state.services
    ticket = StreamTickets(services.keys, services.clock).issue(who)
    answer = TicketAnswer(ticket, min(LIFETIME_S, max(0, who.expires_at_ms - services.clock.now_ms()) // 1000))
    return Response(encode(answer), 201, media_type="application/json")


@users.patch(
    "/me", **described(UserAnswer, body=ProfileBody, problems=("profile_invalid", "user_not_found", *MEDIA_PROBLEMS))
)
async def edit_profile(request: Request, who: Who) -> Response:
    """Change the profile: what is left out stays, an empty string clears."""
    body = await body_of(request, ProfileBody, who)
    command = EditProfile(
        who.user_id,
        body.display_name,
        body.bio,
        body.location,
        body.profile_image_url,
        body.banner_image_url,
        *(None if uuid is None else id_of(uuid, "media_unknown", name) for name, uuid in _pictures(body)),
    )
    handler.check_edit_profile(command)
    services: Services = request.app.state.services

    async def decide(stamp: Stamp) -> Decision:
        certain = await services.views.accounts_fresh(who.user_id)
        account = services.views.accounts.many([who.user_id]).get(who.user_id)
        if account is None:
            raise CommandRefusedError("user_not_found" if certain else "projection_behind")
        wanted = {name: number for name, _ in _pictures(body) if (number := getattr(command, name)) is not None}
        found = await of_owner(services, who.user_id, list(wanted.values())) if wanted else ()
        pictures = dict(zip(wanted, found, strict=True))
        return handler.edit_profile(command, account, stamp, certain=certain, pictures=pictures)

    return await execute(request, who.user_id, decide)


def _pictures(body: ProfileBody) -> tuple[tuple[str, str | None], ...]:
    return ("profile_image_id", body.profile_image_id), ("banner_image_id", body.banner_image_id)


def _caller(request: Request) -> tuple[Services, sessions.Caller]:
    agent = sessions.agent_of(request.headers.get("user-agent", ""))
    caller = sessions.Caller(request.scope[REQUEST_ID], idempotency_key(request), agent)
    return request.app.state.services, caller
