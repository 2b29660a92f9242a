"""What apps and their registrants are told, and send."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from commands.fields import Id, Time
from commands.oauth.handler import MAX_NAME_CHARS, MAX_REDIRECT_URIS, MAX_URI_CHARS

SentName = Annotated[str, msgspec.Meta(max_length=4 * MAX_NAME_CHARS)]
SentUri = Annotated[str, msgspec.Meta(max_length=4 * MAX_URI_CHARS)]
SentUris = Annotated[list[SentUri], msgspec.Meta(max_length=4 * MAX_REDIRECT_URIS)]


class RegisterAppBody(msgspec.Struct, forbid_unknown_fields=True):
    """A new app; one that can keep a secret is confidential and gets one."""

    name: SentName
    redirect_uris: SentUris
    confidential: bool = False


class AppAnswer(msgspec.Struct, kw_only=True):
    """An app; its secret is shown this once, when it was just registered."""

    client_id: Id
    name: str
    redirect_uris: list[str]
    confidential: bool
    created_at: Time
    client_secret: str | msgspec.UnsetType = msgspec.UNSET


class AppsAnswer(msgspec.Struct):
    """What an account has registered, oldest first."""

    apps: list[AppAnswer]


class RemovedAppAnswer(msgspec.Struct):
    """The app gets no tokens any more."""

    client_id: Id
    status: Literal["removed"] = "removed"


class AppTokenAnswer(msgspec.Struct):
    """What an app acts by (RFC 6749, section 5.1)."""

    access_token: str
    refresh_token: str
    expires_in: int
    scope: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the scheme's name


class IntrospectionAnswer(msgspec.Struct, omit_defaults=True):
    """What a token is good for (RFC 7662, section 2.2); of one that is good for nothing, that alone."""

    active: bool
    scope: str = ""
    client_id: str = ""
    sub: str = ""
    exp: int = 0
    token_type: str = ""


class RevokedAnswer(msgspec.Struct):
    """Whatever the token was good for, it is no more (RFC 7009)."""


class ServerAnswer(msgspec.Struct, kw_only=True):
    """What an app has to know of this server (RFC 8414)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str
    introspection_endpoint: str
    jwks_uri: str
    scopes_supported: list[str]
    response_types_supported: list[str]
    response_modes_supported: list[str]
    grant_types_supported: list[str]
    code_challenge_methods_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    revocation_endpoint_auth_methods_supported: list[str]
    introspection_endpoint_auth_methods_supported: list[str]
    authorization_response_iss_parameter_supported: bool
