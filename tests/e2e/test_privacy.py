"""What an account planted is found nowhere once it is erased, nor after a replay; and its exports outlive kills."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import pytest

from commands.privacy.shelf import ROOT, Shelf
from infra.clock import SystemClock, rfc3339
from schemas.ids import from_uuid
from schemas.media.paths import prefix_of
from tests.e2e.canaries import Canaries
from tests.e2e.leaver import Leaver, Somebody, unpacked
from tests.e2e.people import PASSWORD
from tests.pictures import large_video
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.conftest import Starting
    from tests.e2e.system import System

ENOUGH = 60
REPLAY_SECONDS = 240.0
PATIENCE_SECONDS = 120.0
VIDEO_BYTES = 40_000_000
"""Ten parts of an export."""
NOT_IN_THE_CLEAR = "address|deleted|key|picture|display|bio|location"
"""Nowhere even before, or not for sure: sealed and in no read model, or given up meanwhile for something else."""


@pytest.fixture(scope="module")
def system(starting: Starting, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    told = {"erasure_grace_days": "0", "push_contact": "mailto:operator@example.org", "objects_bucket": "privacy"}
    with starting(tmp_path_factory.mktemp("privacy") / "data", **told) as running:
        yield running


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=60) as opened:
        yield opened


def murmur(system: System, *arguments: str) -> str:
    ended = system.murmur(*arguments, timeout=REPLAY_SECONDS)
    assert ended.returncode == 0, (ended.stdout, ended.stderr)
    return ended.stdout


def erasure_of(system: System, user_id: str) -> dict[str, Any] | None:
    """What the command process says of an erasure that is done."""
    lines = (system.data / "logs" / "commands.log").read_bytes().splitlines()
    told = [json.loads(it) for it in lines if b'"erasure done"' in it]
    return next((it for it in told if it["user_id"] == from_uuid(user_id)), None)


def shown(watched: list[tuple[Somebody, list[str]]], canaries: Canaries) -> set[str]:
    """Return the paths at which any canary shows but what was asked for."""
    asked = [(somebody, path) for somebody, paths in watched for path in paths]
    return {path for somebody, path in asked if _told(path, somebody.sees(path).content, canaries)}


def _told(path: str, content: bytes, canaries: Canaries) -> list[str]:
    return [it for it in canaries.found([(path, content)]) if canaries.planted.get(it, "\n") not in path]


def test_what_an_account_planted_is_found_nowhere_after_it_was_erased(system: System, client: httpx.Client) -> None:
    canaries = Canaries()
    stays, judge = (Somebody(system, client, {"username": name}) for name in ("stays", "judge"))
    murmur(system, "users", "promote", judge.username)
    judge.log_in()
    other = stays.post("I stay")
    leaver = Leaver(system, client, canaries)
    stays.send("POST", f"/users/{leaver.user_id}/follow")
    leaver.plant(stays, other)
    system.wait_until_caught_up()
    stays.send("POST", f"/tweets/{leaver.tweets[0]}/like")
    leaver.appeal(judge, stays)
    leaver.bury()
    system.wait_until_caught_up()
    assert len(canaries.planted) >= ENOUGH
    murmur(system, "archive", "run", "--now")
    leaver.export()
    murmur(system, "replay", "tweets", "--until", rfc3339(SystemClock().now_ms()))

    cases = [f"/moderation/cases/{it}" for it in (other, leaver.tweets[-1])]
    watched = [(stays, leaver.shown), (judge, cases)]
    assert shown(watched, canaries) == {*leaver.shown, *cases}
    before = system.found(canaries)
    planted = {where for where in canaries.planted if not re.match(NOT_IN_THE_CLEAR, where)}
    assert planted <= before.keys(), planted - before.keys()
    in_objects = {name for names in before.values() for name in names if name.startswith("objects")}
    kinds = (f"exports/{leaver.user_id}/", "media/", f"promised/{leaver.user_id}/")
    assert [it for it in in_objects if not any(kind in it for kind in kinds)] == []

    leaver.send("DELETE", "/users/me", {"password": PASSWORD})
    assert leaver.answer("GET", "/users/me/export/file").status_code == httpx.codes.UNAUTHORIZED
    until(lambda: erasure_of(system, leaver.user_id), PATIENCE_SECONDS)
    murmur(system, "generations", "gc")  # on servers the build of a moment was given up; files are deleted already
    assert system.found(canaries) == {}

    gone = (f"/users/{leaver.user_id}", f"/tweets/{leaver.tweets[0]}", leaver.shown[0])
    until(lambda: {stays.sees(it).status_code for it in gone} == {httpx.codes.NOT_FOUND})
    until(lambda: shown(watched, canaries) == set())
    until(lambda: stays.sees(f"/tweets/{other}").json()["likes_count"] == 0)
    murmur(system, "replay", "all")
    system.wait_until_caught_up()
    assert system.found(canaries) == {}
    assert shown(watched, canaries) == set()
    murmur(system, "archive", "verify")
    if system.settings.profile != "cluster":  # Kafka checks its records itself
        murmur(system, "log", "verify")


def test_an_export_goes_on_where_its_process_was_killed_and_is_there_for_its_time(
    system: System, client: httpx.Client
) -> None:
    owner = Somebody(system, client, {"username": "owner"})
    film = owner.uploaded(large_video(VIDEO_BYTES), seconds=PATIENCE_SECONDS)
    system.wait_until_caught_up()
    user_id = from_uuid(owner.user_id) or 0
    with system.objects() as objects:
        shelf = Shelf(objects)
        owner.send("GET", "/users/me/export")
        until(lambda: parts_of(shelf, user_id))
        system.kill("commands")
        stand = parts_of(shelf, user_id)
        assert shelf.done(user_id) is None
        system.wait_until_ready()
        raw = owner.exported(PATIENCE_SECONDS)
        done = shelf.done(user_id)
        assert done is not None
        assert [it.name for it in done.parts[: len(stand)]] == stand
        assert len(done.parts) > len(stand)
        films = [name for name in unpacked(raw) if name.endswith(".mp4")]
        assert len(films) == 1

        over = msgspec.json.encode(msgspec.structs.replace(done, expires_ms=1))
        objects.put(f"{ROOT}{owner.user_id}/done.json", io.BytesIO(over), len(over))
        answer = owner.answer("GET", "/users/me/export/file")
        assert (answer.status_code, answer.json()["code"]) == (httpx.codes.NOT_FOUND, "export_not_found")
        until(lambda: not list(objects.list(f"{ROOT}{owner.user_id}/")))

        pieces = prefix_of(from_uuid(film["media_id"]) or 0)
        assert list(objects.list(pieces))
        assert json.loads(murmur(system, "users", "erase", owner.username, "--now"))["erased"]
        assert not list(objects.list(pieces))


def parts_of(shelf: Shelf, user_id: int) -> list[str]:
    """The names of the parts that stand."""
    job = shelf.wanted(user_id)
    names: list[str] = []
    while job is not None and (step := shelf.step(user_id, job, len(names) + 1)) is not None:
        names.append(step.part.name)
    return names
