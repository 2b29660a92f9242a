"""What this installation is to apps: who issues, and where everything is (RFC 8414)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.oauth.answer import ServerAnswer
from commands.oauth.clients import METHODS
from commands.oauth.handler import METHOD
from commands.operations import PREFIX
from infra.auth.scopes import GRANTABLE

if TYPE_CHECKING:
    from infra.settings import Settings

OAUTH = f"{PREFIX}/oauth"


def issuer_of(settings: Settings) -> str:
    """Return the issuer: the same for whoever asks, whatever host they named (RFC 9700, section 4.4)."""
    public = settings.public_commands_url.rstrip("/")
    if public:
        return public
    first_origin = settings.pages_origins.split(",")[0].strip().rstrip("/")
    if settings.public_commands_url and first_origin:  # `/`: at the pages' origin
        return first_origin
    port = settings.query_port if settings.public_commands_url else settings.commands_port
    return f"http://{settings.host}:{port}"


def described(settings: Settings) -> ServerAnswer:
    """Return the metadata."""
    issuer = issuer_of(settings)
    return ServerAnswer(
        issuer=issuer,
        authorization_endpoint=f"{issuer}{OAUTH}/authorize",
        token_endpoint=f"{issuer}{OAUTH}/token",
        revocation_endpoint=f"{issuer}{OAUTH}/revoke",
        introspection_endpoint=f"{issuer}{OAUTH}/introspect",
        jwks_uri=f"{issuer}/.well-known/jwks.json",
        scopes_supported=list(GRANTABLE),
        response_types_supported=["code"],
        response_modes_supported=["query"],
        grant_types_supported=["authorization_code", "refresh_token"],
        code_challenge_methods_supported=[METHOD],
        token_endpoint_auth_methods_supported=list(METHODS),
        revocation_endpoint_auth_methods_supported=list(METHODS),
        introspection_endpoint_auth_methods_supported=list(METHODS[:2]),
        authorization_response_iss_parameter_supported=True,
    )
