"""Decides about apps: what may be registered, and which request for authorization may be shown to an owner. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from commands.errors import CommandRefusedError
from commands.oauth.command import Authorize, Register
from infra.auth.scopes import GRANTABLE, READ

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

MAX_APPS = 20
"""That an account may have registered."""
MAX_NAME_CHARS = 50
MAX_REDIRECT_URIS = 10
MAX_URI_CHARS = 512
MAX_STATE_CHARS = 1024
METHOD = "S256"

_URI = re.compile(r"[\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]+")  # RFC 3986's characters, and %
_HTTPS = re.compile(r"https://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/?].*)?")
_LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]|localhost))(:[0-9]{1,5})?([/?].*)?")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # also what turns the direction of text around


class AuthorizationError(Exception):
    """The request is refused; an app that it names rightly may be told so. `error` is RFC 6749's (section 4.1.2.1)."""

    def __init__(self, error: str, detail: str) -> None:
        super().__init__(detail)
        self.error = error


def check_register(command: Register) -> None:
    """Refuse an app whose name or whose redirect URIs cannot be."""
    name = command.name
    unseen = any(unicodedata.category(char) in _UNSEEN for char in name)
    if not name.strip() or len(name) > MAX_NAME_CHARS or name != name.strip() or unseen:
        detail = f"A name has 1 to {MAX_NAME_CHARS} characters that can be seen, and no space around it."
        raise CommandRefusedError("app_invalid", detail, "name")
    uris = command.redirect_uris
    if not 1 <= len(uris) <= MAX_REDIRECT_URIS or len(set(uris)) < len(uris):
        raise CommandRefusedError("app_invalid", f"An app has 1 to {MAX_REDIRECT_URIS} redirect URIs.", "redirect_uris")
    for uri in uris:
        if not is_redirect_uri(uri):
            detail = (
                f"{uri[:100]!r} is neither https nor loopback (http://127.0.0.1, [::1], localhost), or is too long."
            )
            raise CommandRefusedError("app_invalid", detail, "redirect_uris")


def is_redirect_uri(uri: str) -> bool:
    """Tell whether browsers may be sent there: by https, or to the machine that they run on; no fragment, no user."""
    if len(uri) > MAX_URI_CHARS or not _URI.fullmatch(uri) or "#" in uri:
        return False
    if not (_HTTPS.fullmatch(uri) or _LOOPBACK.fullmatch(uri)):
        return False
    try:
        return urlsplit(uri).hostname is not None and urlsplit(uri).port != 0
    except ValueError:
        return False


def is_registered(known: Collection[str], uri: str) -> bool:
    """Tell whether it is one of those, letter by letter; but for the port of a loopback one (RFC 8252, section 7.3)."""
    return uri in known or (is_redirect_uri(uri) and _portless(uri) in {_portless(it) for it in known} - {None})


def _portless(uri: str) -> str | None:
    loopback = _LOOPBACK.fullmatch(uri)
    return None if loopback is None else f"{loopback[1]}{loopback[3] or ''}"


def check_authorize(params: Mapping[str, str]) -> Authorize:
    """Return what is asked for, of an app and a redirect URI that are known to be right; raises AuthorizationError."""
    if params.get("response_type") != "code":
        raise AuthorizationError("unsupported_response_type", "response_type is code.")
    if params.get("response_mode", "query") != "query":
        raise AuthorizationError("invalid_request", "response_mode is query.")
    if unsupported := params.keys() & {"request", "request_uri"}:
        raise AuthorizationError(f"{min(unsupported)}_not_supported", "Parameters are sent one by one.")
    challenge = params.get("code_challenge", "")
    if params.get("code_challenge_method") != METHOD or not _CHALLENGE.fullmatch(challenge):
        raise AuthorizationError("invalid_request", f"code_challenge is needed, by code_challenge_method={METHOD}.")
    if len(params.get("state", "")) > MAX_STATE_CHARS:
        raise AuthorizationError("invalid_request", f"state has at most {MAX_STATE_CHARS} characters.")
    return Authorize(
        params["client_id"], params["redirect_uri"], scopes_of(params.get("scope", READ)), challenge, state_of(params)
    )


def scopes_of(text: str) -> tuple[str, ...]:
    """Return scopes that an app may ask for, in the order of GRANTABLE; raises AuthorizationError."""
    asked = set(text.split(" "))
    if unknown := asked - set(GRANTABLE):
        raise AuthorizationError("invalid_scope", f"Not a scope of apps: {min(unknown)[:50]!r}.")
    return tuple(scope for scope in GRANTABLE if scope in asked)


def state_of(params: Mapping[str, str]) -> str:
    """Return what the app is to get back as it was; empty for none, or for one that is too long to be ours to keep."""
    state = params.get("state", "")
    return state if len(state) <= MAX_STATE_CHARS else ""


def is_verifier(text: str) -> bool:
    """Tell whether it can be a code_verifier (RFC 7636, section 4.1)."""
    return _VERIFIER.fullmatch(text) is not None


def sent_back(redirect_uri: str, issuer: str, state: str, **answer: str) -> str:
    """Return where the browser is sent with an answer: who gave it (RFC 9207), and the state as it came."""
    params = {**answer, **({"state": state} if state else {}), "iss": issuer}
    return f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(params)}"


def joined(scopes: Iterable[str]) -> str:
    """Return scopes as they are kept and sent."""
    return " ".join(scopes)
