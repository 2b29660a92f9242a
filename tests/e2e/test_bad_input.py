"""Bad input to the real processes: each case is a 4xx problem with its code, and none leaves an error in a log."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import pytest

from infra.auth.keys import KeyRing
from infra.consistency import ConsistencyTokens
from infra.http.problem_codes import PROBLEM_TYPES
from infra.log.port import Position
from query_api import cursors
from schemas.ids import from_uuid
from tests.e2e.bad_requests import BY_CURSOR, COMMANDS, FOREIGN, PASSWORD, QUERIES, TWEET, UNKNOWN, Case
from tests.e2e.forgeries import expired, forged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.auth.keys import SigningKey
    from tests.e2e.conftest import Starting
    from tests.e2e.system import System

API = "/api/v1"
LOUD = {"ERROR", "CRITICAL"}


class Stage(NamedTuple):
    """The system, two accounts, and a tweet of each: Ada's stands, Bob's second one is deleted."""

    system: System
    ada: str
    bob: str
    ada_id: str
    mine: str
    his: str
    deleted: str
    refresh_used: str
    logged_out: str
    key: SigningKey


@pytest.fixture(scope="module")
def stage(starting: Starting, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with starting(tmp_path_factory.mktemp("bad-input") / "data", max_body_bytes="65536") as system:
        ada, bob = (_register(system, name) for name in ("Ada", "Bob"))
        mine, his, deleted = (_post(system, who) for who in (ada, bob, bob))
        assert _call(system, bob, "DELETE", f"/tweets/{deleted}").status_code == httpx.codes.OK
        refresh = {"refresh_token": _login(system)["refresh_token"]}
        assert (
            httpx.post(f"{system.commands}{API}/auth/refresh", json=refresh, timeout=60).status_code == httpx.codes.OK
        )
        gone = _login(system)
        assert _call(system, gone, "POST", "/auth/logout").status_code == httpx.codes.OK
        yield Stage(
            system=system,
            ada=ada["access_token"],
            bob=bob["access_token"],
            ada_id=ada["user"]["user_id"],
            mine=mine,
            his=his,
            deleted=deleted,
            refresh_used=refresh["refresh_token"],
            logged_out=gone["access_token"],
            key=KeyRing(system.data / "keys").signing(),
        )


def _register(system: System, name: str) -> dict[str, Any]:
    body = {"username": name, "password": PASSWORD, "email": f"{name}@example.org"}
    answer = httpx.post(f"{system.commands}{API}/auth/register", json=body, timeout=60)
    assert answer.status_code == httpx.codes.CREATED, answer.text
    session: dict[str, Any] = answer.json()
    return session


def _login(system: System) -> dict[str, Any]:
    answer = httpx.post(
        f"{system.commands}{API}/auth/login", json={"username": "bob", "password": PASSWORD}, timeout=60
    )
    session: dict[str, Any] = answer.json()
    return session


def _call(system: System, who: dict[str, Any], method: str, path: str, **sent: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {who['access_token']}"}
    return httpx.request(method, f"{system.commands}{API}{path}", headers=headers, **sent, timeout=60)


def _post(system: System, who: dict[str, Any]) -> str:
    tweet_id: str = _call(system, who, "POST", "/tweets", json={"content": "hello"}).json()["tweet_id"]
    return tweet_id


def check(stage: Stage, case: Case, api: str) -> None:
    path = case.path.format(**stage._asdict(), foreign=FOREIGN, unknown=UNKNOWN)
    sent: dict[str, Any] = {"content": case.body} if isinstance(case.body, bytes) else {"json": case.body}
    if case.body is None:
        sent = {}
    headers = {"Authorization": f"Bearer {stage.ada}", **case.headers}
    base: str = getattr(stage.system, api)
    expect(httpx.request(case.method, base + API + path, headers=headers, **sent, timeout=60), case.code)


def expect(answer: httpx.Response, code: str) -> None:
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert (problem["code"], answer.status_code) == (code, PROBLEM_TYPES[code].status), answer.text
    assert problem["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize("case", COMMANDS, ids=lambda it: f"{it.method} {it.path[:30]} {it.code} {it.body!s:.30}")
def test_a_bad_command_is_a_problem(stage: Stage, case: Case) -> None:
    check(stage, case, "commands")


def test_a_bad_query_is_a_problem(stage: Stage) -> None:
    for case in QUERIES:
        check(stage, case, "query")


def test_a_cursor_that_was_made_up_with_a_fitting_digest_is_a_problem(stage: Stage) -> None:
    scope = f"followers:{from_uuid(stage.ada_id)}"
    for key in ((1 << 63, 0), (0, (1 << 64) - 1)):
        check(stage, Case("GET", f"{BY_CURSOR[2]}?cursor={cursors.encode(scope, *key)}", "cursor_invalid"), "query")


def test_a_consistency_token_of_another_installation_is_a_problem(stage: Stage) -> None:
    token = ConsistencyTokens(b"another secret").write([Position("tweets", 0, 1)])
    check(
        stage, Case("GET", "/timeline/home", "consistency_token_invalid", None, {"X-Consistency-Token": token}), "query"
    )


def test_a_key_that_was_used_for_another_request_is_a_problem(stage: Stage) -> None:
    key = {"Idempotency-Key": "once"}
    headers = {"Authorization": f"Bearer {stage.ada}", **key}
    first = httpx.post(f"{stage.system.commands}{API}{TWEET}", json={"content": "a"}, headers=headers, timeout=60)
    assert first.status_code == httpx.codes.CREATED
    check(stage, Case("POST", TWEET, "idempotency_key_reused", {"content": "b"}, key), "commands")
    check(stage, Case("POST", "/tweets/{his}/like", "idempotency_key_reused", None, key), "commands")


def test_a_forged_token_opens_neither_api(stage: Stage) -> None:
    bearers = {
        name: f"Bearer {token}"
        for name, token in forged(stage.key, {"access_token": stage.ada, "refresh_token": stage.refresh_used}).items()
    }
    bearers |= {"empty": "", "no token": "Bearer", "basic": "Basic YTpi", "bare": stage.ada}
    for authorization in bearers.values():
        headers = {"Authorization": authorization}
        check(stage, Case("POST", TWEET, "token_invalid", {"content": "a"}, headers), "commands")
        check(stage, Case("GET", "/timeline/home", "token_invalid", None, headers), "query")
        check(stage, Case("GET", "/tweets/{mine}", "token_invalid", None, headers), "query")


def test_a_token_that_is_missing_expired_or_revoked_opens_neither_api(stage: Stage) -> None:
    for token, code in ((expired(stage.key), "token_expired"), (stage.logged_out, "session_revoked")):
        headers = {"Authorization": f"bearer {token}"}
        check(stage, Case("POST", TWEET, code, {"content": "a"}, headers), "commands")
        check(stage, Case("GET", "/timeline/home", code, None, headers), "query")
    expect(httpx.post(f"{stage.system.commands}{API}{TWEET}", json={"content": "a"}, timeout=60), "token_missing")
    expect(httpx.get(f"{stage.system.query}{API}/timeline/home?access_token={stage.ada}", timeout=60), "token_missing")


def test_a_refresh_token_that_was_used_ends_its_session(stage: Stage) -> None:
    body = {"refresh_token": stage.refresh_used}
    check(stage, Case("POST", "/auth/refresh", "refresh_token_reused", body), "commands")


RAW: dict[str, tuple[bytes, int]] = {
    "no HTTP": (b"\0\1\r\n\r\n", 400),
    "line feeds alone": (b"GET / HTTP/1.1\nHost: x\n\n", 400),
    "CR in a header": (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n", 400),
    "two lengths": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\naa", 400),
    "length and chunks": (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "a path that is not ASCII": (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a head of 1 MB": (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 1_000_000, 431),
}


def _raw(port: int, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        with suppress(ConnectionError):  # what is too long is hung up on before all of it was sent
            connection.sendall(sent)
        return connection.makefile("rb").readline()


@pytest.mark.parametrize("name", RAW)
def test_bytes_that_are_no_request_are_a_problem(stage: Stage, name: str) -> None:
    sent, status = RAW[name]
    for port in (stage.system.commands_port, stage.system.query_port):
        assert _raw(port, sent).split()[1:2] == [str(status).encode()]


def test_a_head_is_answered_like_a_get_without_its_body(stage: Stage) -> None:
    with httpx.Client(headers={"Authorization": f"Bearer {stage.ada}"}, timeout=60) as client:
        for path in ("/healthz", "/made-up", f"{API}/timeline/home", f"{API}/tweets/{stage.mine}"):
            whole, head = (client.request(method, stage.system.query + path) for method in ("GET", "HEAD"))
            assert (head.status_code, head.content) == (whole.status_code, b"")
            assert head.headers["Content-Type"] == whole.headers["Content-Type"]


def test_nothing_of_this_is_an_error_in_a_log(stage: Stage) -> None:
    with socket.create_connection(("127.0.0.1", stage.system.commands_port), timeout=60) as leaver:
        leaver.sendall(b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{")
    expect(httpx.post(f"{stage.system.commands}{API}/auth/login", content=b"{", timeout=60), "body_invalid")
    lines = [line for log in (stage.system.data / "logs").glob("*.log") for line in log.read_text().splitlines()]
    assert len(lines) > len(COMMANDS)
    assert [line for line in lines if json.loads(line).get("level") in LOUD] == []
