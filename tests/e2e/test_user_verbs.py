"""`murmur users …` beside a system that runs: what is decided holds without a restart, dry runs decide nothing."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import pytest

from tests.e2e.cast import API, PASSWORD, Stage
from tests.stream_clients import STREAM, Events
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.cast import Person
    from tests.e2e.conftest import Starting

BUSY_S = 2.0  # what a busy machine may take besides
QUEUE = ("GET", f"{API}/moderation/queue")
ME = ("GET", f"{API}/users/me")
USER = ("GET", f"{API}/users/{{user_id}}")


class Said(NamedTuple):
    """How a verb ended."""

    code: int
    out: str
    err: str

    @property
    def told(self) -> dict[str, Any]:
        assert self.code == 0, self.err
        found: dict[str, Any] = json.loads(self.out)
        return found


def users(stage: Stage, *words: str, typed: str = "") -> Said:
    """Run the verb as an operator does."""
    system = stage.system
    command = [sys.executable, "-m", "infra.cli", "users", *words, "--data", str(system.data)]
    ended = subprocess.run(
        command, cwd=system.root, env=system.environment, capture_output=True, text=True, timeout=120, input=typed,
        check=False,
    )  # fmt: skip
    return Said(ended.returncode, ended.stdout, ended.stderr)


def standing(stage: Stage, person: Person) -> dict[str, Any]:
    found: dict[str, Any] = users(stage, "show", person.username.upper()).told["before"]
    return found


def log_in(stage: Stage, person: Person, password: str = PASSWORD) -> httpx.Response:
    return stage.ask(("POST", f"{API}/auth/login"), json={"username": person.username, "password": password})


def status_of(stage: Stage, route: tuple[str, str], token: str, **ids: str) -> int:
    return stage.ask(route, token, ids).status_code


@pytest.fixture(scope="module")
def stage(starting: Starting, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with starting(tmp_path_factory.mktemp("user-verbs") / "data") as system:
        before = system.children()
        stage = Stage(system)
        yield stage
        stage.close()
        assert system.children() == before, "a verb had a process started anew"


def test_a_moderator_is_made_and_unmade(stage: Stage) -> None:
    person = stage.register()
    assert users(stage, "promote", person.username, "--dry-run").told["would_say"] == "RoleChanged"
    assert standing(stage, person)["role"] == "user"
    assert users(stage, "promote", person.username).told["after"]["role"] == "moderator"
    until(lambda: status_of(stage, QUEUE, stage.log_in(person)) == 200)
    token = stage.log_in(person)
    assert status_of(stage, QUEUE, person.token) == 403  # of a session from before
    assert users(stage, "demote", person.username, "--dry-run").told["dry_run"] is True
    assert status_of(stage, QUEUE, token) == 200
    assert users(stage, "demote", person.username).told["after"]["role"] == "user"
    until(lambda: status_of(stage, QUEUE, token) == 403)


async def test_a_suspension_holds_at_once_and_a_restoration_ends_it(stage: Stage) -> None:
    person, other = stage.register(), stage.register()
    headers, url = {"Authorization": f"Bearer {person.token}"}, f"{stage.system.query}{STREAM}"
    async with (
        httpx.AsyncClient(timeout=60, headers=headers) as client,
        client.stream("GET", url, params={"streams": "home"}) as answer,
    ):
        events = Events(answer)
        assert (await events.next()).event == "ready"
        tried = await asyncio.to_thread(users, stage, "suspend", person.username, "--days=3", "--dry-run")
        assert (tried.told["would_say"], status_of(stage, ME, person.token)) == ("AccountSuspended", 200)
        stage.done(person, "POST", "/tweets", content="still here")
        assert (await events.next("new_tweet")).data["user"]["user_id"] == person.user_id
        done = await asyncio.to_thread(users, stage, "suspend", person.username, "--days=3", "--reason=for a while")
        decided = time.monotonic()
        await events.ended()
        assert time.monotonic() - decided < 1 + BUSY_S
    assert (done.told["after"]["status"], done.told["sessions_ended"]) == ("SUSPENDED", 1)
    until(lambda: status_of(stage, ME, person.token) == 401)
    until(lambda: status_of(stage, USER, other.token, user_id=person.user_id) == 404)
    until(lambda: log_in(stage, person).json().get("code") == "account_suspended")

    assert users(stage, "restore", person.username, "--dry-run").told["would_say"] == "AccountRestored"
    assert log_in(stage, person).status_code == 403
    assert users(stage, "restore", person.username).told["after"]["status"] == "ACTIVE"
    until(lambda: log_in(stage, person).status_code == 200)
    until(lambda: status_of(stage, USER, other.token, user_id=person.user_id) == 200)
    assert status_of(stage, ME, person.token) == 401  # what has ended stays so


def test_a_password_that_is_reset_is_the_only_one(stage: Stage) -> None:
    person = stage.register()
    assert "password" not in users(stage, "reset-password", person.username, "--dry-run").told
    assert status_of(stage, ME, person.token) == 200
    assert log_in(stage, person).status_code == 200
    made = users(stage, "reset-password", person.username).told
    assert made["sessions_ended"] == 2
    until(lambda: status_of(stage, ME, person.token) == 401)
    assert [log_in(stage, person, it).status_code for it in (PASSWORD, made["password"])] == [401, 200]
    typed = users(stage, "reset-password", person.username, "--stdin", typed="a typed password\n")
    assert "password" not in typed.told
    assert [log_in(stage, person, it).status_code for it in (made["password"], "a typed password")] == [401, 200]


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (("suspend", "nobody_at_all"), "look it up"),
        (("suspend", "{name}", f"--reason={'x' * 501}"), "nothing was changed"),
        (("reset-password", "{name}", "--stdin"), "use 8 to 256 characters"),
        (("suspend", "{name}", "--days=0"), "greater than or equal to 1"),
        (("promote",), "users promote --help"),
        (("suspend-all", "{name}"), "users --help"),
    ],
)
def test_what_cannot_be_done_is_refused_with_what_to_do(stage: Stage, words: tuple[str, ...], remedy: str) -> None:
    person = stage.register()
    said = users(stage, *(it.format(name=person.username) for it in words), typed="short\n")
    assert (said.code, said.out) == (2, "")
    assert remedy in said.err
    assert "Traceback" not in said.err
    assert status_of(stage, ME, person.token) == 200
