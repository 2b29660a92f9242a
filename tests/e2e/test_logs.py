"""The logs of all processes hold no secret, whatever people send: and at the most talkative level."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.conftest import Starting
    from tests.e2e.system import System


@pytest.fixture(scope="module")
def talkative(starting: Starting, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with starting(tmp_path_factory.mktemp("talkative"), log_level="DEBUG") as system:
        yield system


class Canaries:
    """What must not be found, by what it is."""

    def __init__(self) -> None:
        self.all: dict[str, str] = {}

    def new(self, what: str, shape: str = "{}") -> str:
        canary = shape.format(f"canary{secrets.token_hex(12)}")
        self.all[what] = canary
        return canary


def lines(system: System) -> str:
    files = [path for path in system.data.rglob("*") if path.suffix in {".log", ".out"} and path.is_file()]
    assert len(files) >= 3, files
    return "".join(path.read_text(errors="replace") for path in files)


def test_no_log_holds_a_password_a_token_a_cookie_or_an_address(talkative: System) -> None:
    canaries = Canaries()
    session = sign_in(talkative, canaries)
    for name in ("access_token", "refresh_token"):
        canaries.all[name] = str(session[name])
    bearer = {"Authorization": f"Bearer {session['access_token']}"}
    with httpx.Client(timeout=30) as client:
        ticket = client.post(f"{talkative.commands}/api/v1/auth/stream-tickets", headers=bearer).json()["ticket"]
        canaries.all["ticket"] = ticket
        with client.stream("GET", f"{talkative.query}/api/v1/stream", params={"ticket": ticket}) as stream:
            assert next(stream.iter_lines())
        misplace(client, talkative, canaries)
        refreshed = client.post(
            f"{talkative.commands}/api/v1/auth/refresh", json={"refresh_token": session["refresh_token"]}
        ).json()
        canaries.all["the next refresh token"] = refreshed["refresh_token"]
        client.post(f"{talkative.commands}/api/v1/auth/refresh", json={"refresh_token": session["refresh_token"]})
    talkative.wait_until_caught_up()
    mark = httpx.get(f"{talkative.query}/healthz", timeout=60).headers["X-Request-Id"]
    until(lambda: mark in lines(talkative))  # what went before it was written, too
    found = lines(talkative)
    assert [what for what, canary in canaries.all.items() if canary in found] == []
    assert "/api/v1/auth/login" in found


def sign_in(system: System, canaries: Canaries) -> dict[str, Any]:
    password, email = canaries.new("password"), canaries.new("email", "{}@mail.example.org")
    body = {"username": "canary", "password": password, "email": email}
    with httpx.Client(base_url=f"{system.commands}/api/v1", timeout=30) as client:
        answer = client.post("/auth/register", json=body)
        assert answer.status_code == 201, answer.text
        assert client.post("/auth/register", json=body).status_code == 409  # the address and the name are taken
        wrong = {"username": "canary", "password": canaries.new("a wrong password")}
        assert client.post("/auth/login", json=wrong).status_code == 401
        session: dict[str, Any] = client.post("/auth/login", json={"username": "canary", "password": password}).json()
    return session


def misplace(client: httpx.Client, system: System, canaries: Canaries) -> None:
    """Send secrets where they do not belong."""
    for base in (system.commands, system.query):
        name = base.rsplit(":", 1)[1]
        query = {
            "access_token": canaries.new(f"{name} token in a query"),
            "password": canaries.new(f"{name} password in a query"),
        }
        headers = {
            "Authorization": f"Basic {canaries.new(f'{name} basic')}",
            "Cookie": f"session={canaries.new(f'{name} cookie')}",
            "X-Api-Key": canaries.new(f"{name} api key"),
            "X-Request-Id": "e" * 70,
        }
        for path in ("/api/v1/users/me", "/api/v1/stream", "/nowhere", "/readyz", f"/@{canaries.new(f'{name} path')}"):
            client.get(base + path, params=query, headers=headers)
            client.post(base + path, params=query, headers=headers, content=canaries.new(f"{name} {path} body"))
        client.get(f"{base}/api/v1/stream?ticket={canaries.new(f'{name} forged ticket')}")
        forged = canaries.new(f"{name} forged", "eyJhbGciOiJub25lIn0.eyJ{}.x")
        client.get(f"{base}/api/v1/users/me", headers={"Authorization": f"Bearer {forged}"})
