"""OAuth over HTTP, for apps: registration, tokens, their ends, and what this server can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Request, Response

from commands.accounts import sessions
from commands.errors import CommandRefusedError
from commands.execution import encode
from commands.oauth import grants as granted
from commands.oauth import handler
from commands.oauth.answer import (
    AppAnswer,
    AppsAnswer,
    AppTokenAnswer,
    IntrospectionAnswer,
    RegisterAppBody,
    RemovedAppAnswer,
    RevokedAnswer,
    ServerAnswer,
)
from commands.oauth.clients import app_of, client_of
from commands.oauth.command import Register
from commands.oauth.errors import TOKEN_ERRORS, OAuthProblem
from commands.oauth.forms import FORM, form_of
from commands.oauth.server import OAUTH
from commands.oauth.server import described as described_server
from commands.requests import body_of, check_subject, no_body
from infra.auth.tokens import Subject
from infra.clock import rfc3339
from infra.http.openapi import operation
from infra.http.problems import REQUEST_ID
from infra.http.rate_limits import RateClass, limited, limited_subject
from schemas.ids import to_uuid, unix_ms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import msgspec

    from commands.oauth.grants import Granted
    from commands.services import Services
    from infra.auth.apps import App

STRUCTS = (
    AppAnswer,
    AppsAnswer,
    AppTokenAnswer,
    IntrospectionAnswer,
    RegisterAppBody,
    RemovedAppAnswer,
    RevokedAnswer,
    ServerAnswer,
)
Who = Annotated[Subject, limited_subject(RateClass.WRITE)]
_ASKED = [limited(RateClass.WRITE)]
"""Secrets of 256 bits need no slower limit; passwords have theirs, at the consent."""
_KEPT = ("not_the_subject", "log_unavailable")

router = APIRouter(prefix=OAUTH, tags=["oauth"])
known = APIRouter(tags=["oauth"])


def _of_form(answer: type[msgspec.Struct], fields: Sequence[str], problems: Sequence[str]) -> dict[str, Any]:
    """Return the arguments of a route that takes a form of a client's."""
    described = operation(answer, problems=(*problems, "log_unavailable"), bearer=False)
    for response in described["responses"].values():
        if set(response.get("x-codes", ())) & set(TOKEN_ERRORS):
            response["content"] |= {OAuthProblem.media_type: next(iter(response["content"].values()))}
    text = {"type": "string", "maxLength": handler.MAX_STATE_CHARS}
    schema = {"type": "object", "properties": dict.fromkeys((*fields, "client_id", "client_secret"), text)}
    described["openapi_extra"]["requestBody"] = {"required": True, "content": {FORM: {"schema": schema}}}
    return described


@router.post(
    "/apps",
    **operation(
        AppAnswer,
        status=201,
        body=RegisterAppBody,
        problems=(*_KEPT, "body_invalid", "app_invalid", "too_many_apps", "clock_went_back"),
    ),
)
async def register(request: Request, who: Who) -> Response:
    """Register an app; a confidential one is told its secret in this answer alone."""
    body = await body_of(request, RegisterAppBody, who)
    command = Register(who.user_id, body.name, tuple(body.redirect_uris), body.confidential)
    handler.check_register(command)
    services: Services = request.app.state.services
    if len(await services.grants.registered_by(who.user_id)) >= handler.MAX_APPS:
        raise CommandRefusedError("too_many_apps")
    app, secret = await services.grants.register(command)
    answer = _app(app)
    if secret:
        answer.client_secret = secret
    return _json(answer, 201)


@router.get("/apps", **operation(AppsAnswer, problems=_KEPT))
async def registered(request: Request, who: Who) -> Response:
    """List the apps that the account has registered."""
    check_subject(request, who, None)
    services: Services = request.app.state.services
    return _json(AppsAnswer([_app(app) for app in await services.grants.registered_by(who.user_id)]))


@router.delete("/apps/{client_id}", **operation(RemovedAppAnswer, problems=(*_KEPT, "body_invalid", "app_not_found")))
async def remove(request: Request, client_id: str, who: Who) -> Response:
    """Remove an app: its codes and refresh tokens are void, its access tokens end with their minutes."""
    await no_body(request, who)
    services: Services = request.app.state.services
    app = await app_of(services.grants, client_id)
    if app is None or app.owner_id != who.user_id:
        raise CommandRefusedError("app_not_found", param="client_id")
    await services.grants.remove(app)
    return _json(RemovedAppAnswer(app.client_id))


@router.post(
    "/token",
    dependencies=_ASKED,
    **_of_form(
        AppTokenAnswer,
        ("grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope"),
        (*TOKEN_ERRORS, "projection_behind", "account_suspended", "account_deleted"),
    ),
)
async def token(request: Request) -> Response:
    """Exchange a code, or a refresh token, for tokens: each is good once, a second use ends what the first one gave."""
    services: Services = request.app.state.services
    form = await form_of(request)
    app = await client_of(services.grants, request, form)
    secret_hash, scopes = _of_grant(app, form)

    async def role_of(user_id: int) -> str:
        account = await sessions.active(services, user_id)
        await sessions.say_signed_in(services, user_id, sessions.Caller(request.scope[REQUEST_ID]))
        return account.role

    given = await services.grants.exchange(app, secret_hash, scopes, role_of)
    return _json(_tokens(given))


def _of_grant(app: App, form: Mapping[str, str]) -> tuple[bytes, Sequence[str]]:
    """Return what is to be exchanged, and the scopes where fewer are asked for; raises OAuthProblem."""
    match form.get("grant_type"):
        case "authorization_code":
            code, uri, verifier = (_field(form, name) for name in ("code", "redirect_uri", "code_verifier"))
            if not handler.is_verifier(verifier):
                raise OAuthProblem("invalid_grant", "code_verifier has 43 to 128 unreserved characters.")
            return granted.of_code(app, uri, granted.challenge_of(verifier), code), ()
        case "refresh_token":
            return granted.of_token(app, _field(form, "refresh_token")), form.get("scope", "").split()
        case None:
            raise OAuthProblem("invalid_request", "grant_type is missing.")
        case _:
            raise OAuthProblem("unsupported_grant_type", "grant_type is authorization_code or refresh_token.")


@router.post("/revoke", dependencies=_ASKED, **_of_form(RevokedAnswer, ("token", "token_type_hint"), TOKEN_ERRORS[:2]))
async def revoke(request: Request) -> Response:
    """End what a token of the app's belongs to, with all its tokens; one that is none is ended already."""
    services: Services = request.app.state.services
    form = await form_of(request)
    app = await client_of(services.grants, request, form)
    await services.grants.revoke(app, _field(form, "token"))
    return _json(RevokedAnswer())


@router.post(
    "/introspect", dependencies=_ASKED, **_of_form(IntrospectionAnswer, ("token", "token_type_hint"), TOKEN_ERRORS[:2])
)
async def introspect(request: Request) -> Response:
    """Tell a confidential app what a token of its own is good for."""
    services: Services = request.app.state.services
    form = await form_of(request)
    app = await client_of(services.grants, request, form)
    if not app.confidential:
        raise OAuthProblem("invalid_client", "Only a confidential app may ask.")
    found = await services.grants.token_of(app, _field(form, "token"))
    if found is None:
        return _json(IntrospectionAnswer(False))
    until_s = found.expires_at_ms // 1000
    return _json(IntrospectionAnswer(True, found.scopes, app.client_id, to_uuid(found.user_id), until_s, found.kind))


@known.get(
    "/.well-known/oauth-authorization-server",
    dependencies=[limited(RateClass.OPEN)],
    **operation(ServerAnswer, bearer=False),
)
async def server(request: Request) -> Response:
    """Say what this server can do, and where."""
    services: Services = request.app.state.services
    return _json(described_server(services.settings))


def _field(form: Mapping[str, str], name: str) -> str:
    if name not in form:
        raise OAuthProblem("invalid_request", f"{name} is missing.")
    return form[name]


def _app(app: App) -> AppAnswer:
    return AppAnswer(
        client_id=app.client_id,
        name=app.name,
        redirect_uris=app.uris,
        confidential=app.confidential,
        created_at=rfc3339(unix_ms(app.app_id)),
    )


def _tokens(given: Granted) -> AppTokenAnswer:
    return AppTokenAnswer(given.access_token, given.refresh_token, given.expires_in, given.scopes)


def _json(answer: msgspec.Struct, status: int = 200) -> Response:
    return Response(encode(answer), status, media_type="application/json")
