"""Who may act for an account, over HTTP: its owner looks, ends, and changes the password.

What is secret about accounts is the command process's alone, so that these reads are here and not at the query API.
"""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Request, Response

from commands.access.answer import (
    AppShown,
    AppsShownAnswer,
    EndedAnswer,
    PasswordBody,
    SessionsAnswer,
    SessionShown,
)
from commands.accounts import handler
from commands.accounts.guessable import check_not_guessable
from commands.errors import CommandRefusedError
from commands.execution import encode
from commands.operations import PREFIX
from commands.requests import body_of, check_subject, id_of, no_body
from infra.auth.tokens import Subject
from infra.clock import rfc3339
from infra.http.openapi import operation
from infra.http.rate_limits import RateClass, limited_subject
from schemas.ids import to_uuid, unix_ms

if TYPE_CHECKING:
    from collections.abc import Iterable

    import msgspec

    from commands.services import Services
    from infra.auth.apps import App
    from infra.auth.credentials import OpenSession

STRUCTS = (AppShown, AppsShownAnswer, EndedAnswer, PasswordBody, SessionsAnswer, SessionShown)
SESSIONS_SHOWN = 100
Who = Annotated[Subject, limited_subject(RateClass.WRITE)]
_PROBLEMS = ("body_invalid", "not_the_subject", "log_unavailable")

router = APIRouter(prefix=PREFIX, tags=["access"])


@router.get("/users/me/sessions", **operation(SessionsAnswer, problems=_PROBLEMS))
async def sessions(request: Request, who: Who) -> Response:
    """List the log-ins that go on."""
    check_subject(request, who, None)
    services: Services = request.app.state.services
    own = [it for it in await services.registry.sessions_of(who.user_id) if not it.session.app_id]
    return _json(SessionsAnswer([_shown(it, who) for it in own[-SESSIONS_SHOWN:]]))


@router.delete("/users/me/sessions", **operation(EndedAnswer, problems=_PROBLEMS))
async def end_all(request: Request, who: Who) -> Response:
    """Log out everywhere: all sessions end at once, this one and those of apps too."""
    await no_body(request, who)
    services: Services = request.app.state.services
    return _json(EndedAnswer(await services.registry.end_sessions(who.user_id)))


@router.delete("/users/me/sessions/{session_id}", **operation(EndedAnswer, problems=(*_PROBLEMS, "session_not_found")))
async def end(request: Request, session_id: str, who: Who) -> Response:
    """End one session at once; its streams close within a second."""
    await no_body(request, who)
    services: Services = request.app.state.services
    wanted = id_of(session_id, "session_not_found", "session_id")
    if wanted not in {it.session.session_id for it in await services.registry.sessions_of(who.user_id)}:
        raise CommandRefusedError("session_not_found", param="session_id")
    await services.registry.end_session(wanted)
    return _json(EndedAnswer(1))


@router.get("/users/me/apps", **operation(AppsShownAnswer, problems=_PROBLEMS))
async def apps(request: Request, who: Who) -> Response:
    """List the apps that may act for the account."""
    check_subject(request, who, None)
    services: Services = request.app.state.services
    granted = _by_app(await services.registry.sessions_of(who.user_id))
    known = await services.grants.apps(granted.keys())
    return _json(AppsShownAnswer([_app(app_id, of_app, known.get(app_id)) for app_id, of_app in granted.items()]))


@router.delete("/users/me/apps/{client_id}", **operation(EndedAnswer, problems=(*_PROBLEMS, "app_not_found")))
async def shut_out(request: Request, client_id: str, who: Who) -> Response:
    """Let an app in no more: all that it was granted ends at once."""
    await no_body(request, who)
    services: Services = request.app.state.services
    granted = _by_app(await services.registry.sessions_of(who.user_id))
    of_app = granted.get(id_of(client_id, "app_not_found", "client_id"), [])
    if not of_app:
        raise CommandRefusedError("app_not_found", param="client_id")
    for it in of_app:
        await services.registry.end_session(it.session.session_id)
    return _json(EndedAnswer(len(of_app)))


@router.post(
    "/auth/password",
    **operation(
        EndedAnswer, body=PasswordBody, problems=(*_PROBLEMS, "password_invalid", "password_wrong", "overloaded")
    ),
)
async def change_password(request: Request, who: Annotated[Subject, limited_subject(RateClass.AUTH)]) -> Response:
    """Change the password; all other sessions end at once, those of apps too."""
    body = await body_of(request, PasswordBody, who)
    handler.check_password(body.new, "new")
    services: Services = request.app.state.services
    known = services.views.accounts.many([who.user_id]).get(who.user_id)
    check_not_guessable(body.new, "" if known is None else known.username, "new")
    if not await services.registry.password_matches(who.user_id, body.current):
        raise CommandRefusedError("password_wrong", param="current")
    await services.registry.set_password(who.user_id, body.new)
    return _json(EndedAnswer(await services.registry.end_sessions(who.user_id, but=who.session_id)))


def _by_app(sessions: Iterable[OpenSession]) -> dict[int, list[OpenSession]]:
    of_apps = sorted((it for it in sessions if it.session.app_id), key=attrgetter("session.app_id"))
    return {app_id: list(of_app) for app_id, of_app in groupby(of_apps, attrgetter("session.app_id"))}


def _shown(it: OpenSession, who: Subject) -> SessionShown:
    session_id, agent = it.session.session_id, it.session.agent
    opened_at, expires_at = rfc3339(unix_ms(session_id)), rfc3339(it.expires_at_ms)
    return SessionShown(to_uuid(session_id), agent, opened_at, expires_at, session_id == who.session_id)


def _app(app_id: int, granted: list[OpenSession], app: App | None) -> AppShown:
    scopes = sorted({scope for it in granted for scope in it.session.scopes.split()})
    allowed_ms = min(unix_ms(it.session.session_id) for it in granted)
    until_ms = max(it.expires_at_ms for it in granted)
    name = "" if app is None else app.name
    return AppShown(to_uuid(app_id), name, scopes, rfc3339(allowed_ms), rfc3339(until_ms))


def _json(answer: msgspec.Struct) -> Response:
    return Response(encode(answer), media_type="application/json")
