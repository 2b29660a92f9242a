"""An app of somebody else's, as tests play it: it registers, sends browsers to the consent page, and takes codes."""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.command_world import PASSWORD

if TYPE_CHECKING:
    import httpx

    from tests.command_world import User

OAUTH = "/api/v1/oauth"
REDIRECT_URI = "https://app.example/callback"
LOOPBACK_URI = "http://127.0.0.1:4711/callback"
SCOPE = "read write"
PATIENT: dict[str, Any] = {"wait_ms": 30_000, "request_timeout_s": 60}
"""Settings: a log-in waits for its account to be projected, in the same loop, on a busy machine."""
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


class Pkce(NamedTuple):
    """A verifier and its challenge."""

    verifier: str
    challenge: str


def pkce() -> Pkce:
    verifier = secrets.token_urlsafe(32)
    digest = hashlib.sha256(verifier.encode()).digest()
    return Pkce(verifier, base64.urlsafe_b64encode(digest).rstrip(b"=").decode())


def answered(location: str) -> dict[str, str]:
    """What the query of a redirect says."""
    return dict(parse_qsl(urlsplit(location).query))


class App:
    """One app, public or confidential."""

    def __init__(self, client: httpx.AsyncClient, registered: dict[str, Any]) -> None:
        self.client = client
        self.client_id: str = registered["client_id"]
        self.secret: str | None = registered.get("client_secret")
        self.redirect_uri: str = registered["redirect_uris"][0]
        self.pkce = pkce()

    @property
    def credentials(self) -> dict[str, str]:
        """What the app authenticates by, in a form."""
        return {"client_id": self.client_id, **({"client_secret": self.secret} if self.secret else {})}

    def request(self, **changed: str | None) -> dict[str, str]:
        """The parameters of an authorization request; those that are None are left out."""
        params = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": SCOPE,
            "state": "a state & more",
            "code_challenge": self.pkce.challenge,
            "code_challenge_method": "S256",
        } | changed
        return {name: value for name, value in params.items() if value is not None}

    def url(self, **changed: str | None) -> str:
        return f"{OAUTH}/authorize?{urlencode(self.request(**changed))}"

    async def ask(self, **changed: str | None) -> httpx.Response:
        return await self.client.get(self.url(**changed))

    async def decide(
        self, user: User, decision: str = "allow", password: str = PASSWORD, **changed: str | None
    ) -> httpx.Response:
        form = {"decision": decision, "username": user.username, "password": password}
        return await self.client.post(self.url(**changed), data=form, headers=SAME_ORIGIN)

    async def code(self, user: User, password: str = PASSWORD, **changed: str | None) -> str:
        """A code, as the redirect brought it."""
        answer = await self.decide(user, "allow", password, **changed)
        assert answer.status_code == 303, answer.text
        return answered(answer.headers["Location"])["code"]

    async def token(self, **form: str) -> httpx.Response:
        return await self.client.post(f"{OAUTH}/token", data={**self.credentials, **form})

    async def redeem(self, code: str, **changed: str) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.pkce.verifier,
        }
        return await self.token(**{**form, **changed})

    async def refresh(self, refresh_token: str, **more: str) -> httpx.Response:
        return await self.token(grant_type="refresh_token", refresh_token=refresh_token, **more)

    async def tokens(self, user: User, **changed: str | None) -> dict[str, Any]:
        """The tokens of a new grant."""
        answer = await self.redeem(await self.code(user, PASSWORD, **changed))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def revoke(self, token: str, **more: str) -> httpx.Response:
        return await self.client.post(f"{OAUTH}/revoke", data={**self.credentials, "token": token, **more})

    async def introspect(self, token: str) -> httpx.Response:
        return await self.client.post(f"{OAUTH}/introspect", data={**self.credentials, "token": token})


async def register(owner: User, *, confidential: bool = False, uri: str = REDIRECT_URI, name: str = "Starling") -> App:
    """Register an app."""
    body = {"name": name, "redirect_uris": [uri], "confidential": confidential}
    answer = await owner.call("POST", "/oauth/apps", body)
    assert answer.status_code == 201, answer.text
    return App(owner.client, answer.json())


def error_of(answer: httpx.Response) -> tuple[int, str]:
    """Status and OAuth error of a refusal."""
    return answer.status_code, answer.json()["error"]
