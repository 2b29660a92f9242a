"""OAuth over HTTP, for the owners of accounts: a page that says which app wants what, and takes their answer.

There is no cookie here: the page asks for the password, each time, so that no other site can make a browser agree, and
no page can be laid over it (it cannot be framed). Where the request itself is wrong nobody is sent anywhere before
somebody has pressed something: this server redirects nobody unasked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response

from commands import claims
from commands.accounts import sessions
from commands.accounts.answer import MAX_SENT_CHARS
from commands.errors import CommandRefusedError
from commands.oauth import handler, page
from commands.oauth.clients import app_of
from commands.oauth.errors import OAuthProblem
from commands.oauth.forms import MAX_CHARS, fields_of, form_of
from commands.oauth.handler import AuthorizationError
from commands.oauth.server import OAUTH, issuer_of
from infra.auth.scopes import of_role
from infra.http.problem_codes import PROBLEM_TYPES
from infra.http.rate_limits import RateClass, limited

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commands.oauth.command import Authorize
    from commands.services import Services
    from infra.auth.apps import App

router = APIRouter(prefix=OAUTH, include_in_schema=False)

SEE_OTHER = 303  # not 307, which would send the password on (RFC 9700, section 4.12)


class Asked(NamedTuple):
    """A request for authorization that may be shown."""

    app: App
    command: Authorize


class _Refused(Exception):  # noqa: N818 - is answered, by its page
    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


@router.get("/style.css", dependencies=[limited(RateClass.OPEN)])
async def style() -> Response:
    """Return the look of the page: that of all pages."""
    return Response(page.style(), headers={"Cache-Control": "public, max-age=300"}, media_type="text/css")


@router.get("/authorize", dependencies=[limited(RateClass.READ)])
async def ask(request: Request) -> Response:
    """Show who wants what."""
    try:
        asked = await _asked(request)
    except _Refused as refused:
        return refused.answer
    return await _page(request, asked)


@router.post("/authorize", dependencies=[limited(RateClass.AUTH)])
async def decide(request: Request) -> Response:
    """Take the answer, and send the browser back to the app with a code or with the refusal."""
    services: Services = request.app.state.services
    if not _is_own_form(request, issuer_of(services.settings)):
        return page.refusal("This form was sent by another site, or by something that is no browser.", status=403)
    try:
        asked = await _asked(request)
        form = await form_of(request)
    except _Refused as refused:
        return refused.answer
    except OAuthProblem as problem:
        return page.refusal(problem.detail)
    if form.get("decision") != "allow":
        return _back(services, asked, error="access_denied")
    try:
        code = await _allow(services, asked, form)
    except CommandRefusedError as refusal:
        kind = PROBLEM_TYPES[refusal.code]
        return await _page(request, asked, f"{kind.title}. {kind.hint}", form.get("username", ""), kind.status)
    return _back(services, asked, code=code)


async def _asked(request: Request) -> Asked:
    """Return what is asked for; raises _Refused."""
    services: Services = request.app.state.services
    query = request.scope["query_string"].decode("latin-1")
    if len(query) > MAX_CHARS:
        raise _Refused(page.refusal("The request is too long."))
    try:
        params = fields_of(query)
    except OAuthProblem as problem:
        raise _Refused(page.refusal(problem.detail)) from problem
    app = await app_of(services.grants, params.get("client_id", ""))
    if app is None:
        raise _Refused(page.refusal("The app that sent you here is not registered."))
    uri = params.get("redirect_uri", "")
    if not handler.is_registered(app.uris, uri):
        raise _Refused(page.refusal(f"{app.name} is not registered with the address that it asks to send you to."))
    try:
        return Asked(app, handler.check_authorize(params))
    except AuthorizationError as error:
        issuer, state = issuer_of(services.settings), handler.state_of(params)
        back = handler.sent_back(uri, issuer, state, error=error.error, error_description=str(error))
        raise _Refused(page.refusal(f"{app.name} asks in a way that cannot be answered: {error}", back)) from error


async def _page(request: Request, asked: Asked, wrong: str = "", username: str = "", status: int = 200) -> Response:
    services: Services = request.app.state.services
    owner = await services.views.account(asked.app.owner_id)
    query = request.scope["query_string"].decode("latin-1")
    return page.consent(asked.app, asked.command, owner.username if owner else "", query, wrong, username, status)


async def _allow(services: Services, asked: Asked, form: Mapping[str, str]) -> str:
    """Return the code, by which the app gets what the account may grant; raises CommandRefusedError."""
    name = form.get("username", "")[:MAX_SENT_CHARS]
    user_id = services.journal.owner(claims.username_key(name))
    matched = await services.registry.matching_hash(user_id, form.get("password", ""))
    if matched is None or user_id is None:
        raise CommandRefusedError("login_failed")
    allowed = of_role((await sessions.active(services, user_id, told=True)).role)
    scopes = handler.joined(scope for scope in asked.command.scopes if scope in allowed)
    return await services.grants.authorize(asked.command, asked.app, user_id, scopes, matched)


def _back(services: Services, asked: Asked, **answer: str) -> Response:
    command = asked.command
    where = handler.sent_back(command.redirect_uri, issuer_of(services.settings), command.state, **answer)
    return Response(status_code=SEE_OTHER, headers={"Location": where})


def _is_own_form(request: Request, issuer: str) -> bool:
    """Tell whether the page itself sent the form: browsers say so, and no page of others can say it for them."""
    if (site := request.headers.get("sec-fetch-site")) is not None:
        return site == "same-origin"
    origin = request.headers.get("origin", "")
    return origin == issuer or (origin != "" and urlsplit(origin).netloc == request.headers.get("host"))
