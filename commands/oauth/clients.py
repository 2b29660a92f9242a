"""Which app is asking: authenticates clients (RFC 6749, section 2.3), one way at a time."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from commands.oauth.errors import OAuthProblem
from infra.auth.credentials import hash_of
from schemas.ids import from_uuid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from commands.oauth.grants import Grants
    from infra.auth.apps import App

METHODS = ("client_secret_basic", "client_secret_post", "none")
MAX_ID_CHARS = 64


async def client_of(grants: Grants, request: Request, form: Mapping[str, str]) -> App:
    """Return the app: a confidential one by its secret, a public one by its name. Raises OAuthProblem."""
    client_id, secret = form.get("client_id"), form.get("client_secret")
    if (header := request.headers.get("authorization")) is not None:
        if secret is not None:
            raise OAuthProblem("invalid_request", "The client authenticates in two ways.")
        named, secret = _basic(header)
        if client_id not in (None, named):
            raise OAuthProblem("invalid_request", "Two clients are named.")
        client_id = named
    app = await app_of(grants, client_id or "")
    if app is None or not _shown(app, secret):
        raise OAuthProblem("invalid_client")
    return app


async def app_of(grants: Grants, client_id: str) -> App | None:
    """Return the app of this name, or None."""
    app_id = from_uuid(client_id) if len(client_id) <= MAX_ID_CHARS else None
    found = None if app_id is None else (await grants.apps([app_id])).get(app_id)
    return found if found is not None and found.client_id == client_id else None


def _shown(app: App, secret: str | None) -> bool:
    """Tell whether what was shown is what has to be: of a public app nothing."""
    if not app.confidential:
        return secret is None
    return secret is not None and hmac.compare_digest(hash_of(secret), app.secret_hash)


def _basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise OAuthProblem("invalid_client", "The Authorization header is not of the Basic scheme.") from error
    name, colon, secret = text.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise OAuthProblem("invalid_client", "The Authorization header is not of the Basic scheme.")
    return unquote_plus(name), unquote_plus(secret)
