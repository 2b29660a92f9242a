"""Who tries what in the access matrix: people by what they are to an owner, and tokens by what they may do."""

from __future__ import annotations

import base64
import itertools
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from commands.openapi import bare_app
from infra.auth.keys import KeyRing
from infra.auth.tokens import AccessTokens
from infra.clock import SystemClock
from schemas.ids import from_uuid
from tests.route_table import rows

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tests.e2e.system import System

API = "/api/v1"
Route = tuple[str, str]
Answer = httpx.Response
PASSWORD = "a long password"
_names = (f"cast_{number}" for number in itertools.count(1))


class Person(NamedTuple):
    """An account and a token of a session of its own."""

    user_id: str
    username: str
    token: str
    refresh_token: str

    @property
    def session_id(self) -> int:
        """The session of the token."""
        return int(_claims(self.token)["sid"])


def _claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


class Stage:
    """The system, its people, and what the owner has that others might want."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.client = httpx.Client(timeout=60)
        self._tokens = AccessTokens(KeyRing(system.data / "keys"), SystemClock(), 900)
        self.last_token = ""

    def register(self, **more: str) -> Person:
        body = {"username": next(_names), "password": PASSWORD, **more}
        answer = self.client.post(f"{self.system.commands}{API}/auth/register", json=body)
        assert answer.status_code == httpx.codes.CREATED, answer.text
        session = answer.json()
        user = session["user"]
        return Person(user["user_id"], user["username"], session["access_token"], session["refresh_token"])

    def token_with(self, person: Person, scopes: Collection[str], session_id: int = 0) -> str:
        """A token of the person's session (or another one) that goes exactly so far."""
        user_id = from_uuid(person.user_id)
        assert user_id is not None
        return self._tokens.issue(user_id, session_id or person.session_id, scopes=frozenset(scopes))

    def ask(self, route: Route, token: str | None = None, ids: Mapping[str, str] | None = None, **sent: Any) -> Answer:
        """Ask the API that has the route; queries are as fresh as the last command."""
        is_command = route in COMMANDS
        base = self.system.commands if is_command else self.system.query
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        if not is_command and self.last_token:
            headers["X-Consistency-Token"] = self.last_token
        return self.client.request(route[0], base + url_of(route[1], ids or {}), headers=headers, **sent)

    def done(self, person: Person, method: str, path: str, **body: Any) -> dict[str, Any]:
        """Carry a command out; queries see it from now on."""
        headers = {"Authorization": f"Bearer {person.token}"}
        answer = self.client.request(method, self.system.commands + API + path, json=body or None, headers=headers)
        assert answer.is_success, (method, path, answer.text)
        self.last_token = answer.headers.get("X-Consistency-Token", self.last_token)
        said: dict[str, Any] = answer.json() if answer.content else {}
        return said

    def log_in(self, person: Person) -> str:
        """The token of another session."""
        body = {"username": person.username, "password": PASSWORD}
        answer = self.client.post(f"{self.system.commands}{API}/auth/login", json=body)
        assert answer.is_success, answer.text
        return str(answer.json()["access_token"])

    def operator(self, *arguments: str) -> None:
        """Run `murmur users …` on the system."""
        done = self.system.murmur("users", *arguments)
        assert done.returncode == 0, done.stderr

    def close(self) -> None:
        self.client.close()


COMMANDS = {(row.method, row.path) for row in rows(bare_app())}


def routes(system: System) -> list[Route]:
    """The routes of both APIs, as they stand in their tables."""
    queries = httpx.get(f"{system.query}/openapi.json", timeout=60).json()["paths"]
    found = {*COMMANDS, *(("GET", path) for path in queries)}
    return sorted(route for route in found if route[1].startswith(API))


def url_of(path: str, ids: Mapping[str, str]) -> str:
    """The path with ids that are known filled in; others are of nothing."""
    return path.format_map(_Known(ids))


class _Known(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "018bcfe5-6800-7000-8000-000000000000" if name.endswith("_id") else "nobody"
