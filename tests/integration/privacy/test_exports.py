"""An export holds all of one's own, is made once, outlives the process that began it, and is its owner's alone."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from commands.privacy.export import Exports
from commands.privacy.shelf import LEASE_MS, Shelf
from infra.clock import SystemClock
from infra.objects.port import ObjectsUnavailableError
from projections.notifications import projector as notifications
from projections.notifications.sqlite import SqliteNotificationsStore
from tests.command_world import PASSWORD, command_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.command_world import User, World

DAY_MS = 86_400_000


class Clock(SystemClock):
    """The time, and days more; or one moment, while that is set."""

    days = 0
    stands_ms = 0

    def now_ms(self) -> int:
        return (self.stands_ms or super().now_ms()) + self.days * DAY_MS


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def world(tmp_path: Path, clock: Clock) -> AsyncIterator[World]:
    async with command_world(tmp_path, clock, wait_ms=20_000) as opened:
        folder = opened.services.settings.projections_dir / "notifications"
        log_id = opened.projections._log.log_id
        SqliteNotificationsStore(folder / "g1.db", log_id).close()
        assert notifications.project([]) == []
        yield opened


def exports(world: World) -> Exports:
    services = world.services
    assert services.privacy.shelf is not None
    assert services.media is not None
    return Exports(services, services.privacy.shelf, services.media.objects)


async def asked(user: User) -> dict[str, Any]:
    answer = await user.call("GET", "/users/me/export")
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_an_export_is_made_once_and_holds_what_its_manifest_says(world: World) -> None:
    ada, bob = await world.register("Ada", email="ada@example.org", bio="mine"), await world.register("bob")
    tweets = [await ada.post(f"tweet {number}") for number in range(3)]
    await ada.call("POST", f"/users/{bob.user_id}/follow")
    await ada.call("POST", f"/tweets/{await bob.post('his')}/like")
    world.projections.catch_up()
    assert (await asked(ada))["status"] == (await asked(ada))["status"] == "preparing"
    assert await exports(world).round() == 1
    told = await asked(ada)
    assert told["status"] == "ready"
    whole = (await ada.call("GET", "/users/me/export/file")).content
    assert hashlib.sha256(whole).hexdigest() == told["sha256"]
    with zipfile.ZipFile(io.BytesIO(whole)) as packed:
        lines = {name: packed.read(name).decode().splitlines() for name in packed.namelist()}
    assert json.loads(lines["account.jsonl"][0])["email"] == "ada@example.org"
    assert [json.loads(it)["tweet_id"] for it in lines["tweets.jsonl"]] == tweets[::-1]
    assert [json.loads(it)["user_id"] for it in lines["following.jsonl"]] == [bob.user_id]
    assert (len(lines["likes.jsonl"]), len(lines["sessions.jsonl"]), lines["followers.jsonl"]) == (1, 1, [])
    manifest = json.loads(lines["manifest.json"][0])
    assert {it["name"] for it in manifest["files"]} == lines.keys() - {"manifest.json"}
    assert await exports(world).round() == 0


async def test_a_part_of_an_export_is_fetched_and_nobody_elses(world: World) -> None:
    ada, bob = await world.register("Ada"), await world.register("bob")
    await asked(ada)
    await exports(world).round()
    whole = (await ada.call("GET", "/users/me/export/file")).content
    part = await ada.call("GET", "/users/me/export/file", Range="bytes=10-19")
    assert (part.status_code, part.content) == (206, whole[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(whole)}"
    assert (await ada.call("GET", "/users/me/export/file", Range="bytes=10-")).content == whole[10:]
    assert (await ada.call("GET", "/users/me/export/file", Range=f"bytes={len(whole)}-")).status_code == 416
    assert (await bob.call("GET", "/users/me/export/file")).json()["code"] == "export_not_found"
    assert (await world.client.get("/api/v1/users/me/export/file")).status_code == 401


async def test_an_export_that_was_cut_off_is_made_by_the_next_process(
    world: World, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    ada = await world.register("Ada")
    await asked(ada)

    def cut_off(*_: object) -> None:
        raise ObjectsUnavailableError("the process died here")

    clock.stands_ms = clock.now_ms()
    with monkeypatch.context() as dying:
        dying.setattr(Shelf, "finish", cut_off)
        assert await exports(world).round() == 0
    assert (await asked(ada))["status"] == "preparing"
    assert await exports(world).round() == 0  # the lease of the one that died
    clock.stands_ms += LEASE_MS
    assert await exports(world).round() == 1


async def test_an_export_is_kept_for_its_days_and_made_anew_after_them(world: World, clock: Clock) -> None:
    ada = await world.register("Ada")
    await asked(ada)
    await exports(world).round()
    clock.days = world.services.settings.export_days + 1
    again = await world.client.post("/api/v1/auth/login", json={"username": "ada", "password": PASSWORD})
    ada = ada._replace(access_token=again.json()["access_token"])
    assert (await ada.call("GET", "/users/me/export/file")).status_code == 404
    assert (await asked(ada))["status"] == "preparing"
    assert await exports(world).round() == 1
    assert (await asked(ada))["status"] == "ready"


async def test_an_export_that_is_cleared_away_while_it_is_made_leaves_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, media = await world.register("Ada"), world.services.media
    assert media is not None
    await asked(ada)
    put = Shelf.put_part

    def as_it_is_erased(shelf: Shelf, user_id: int, *more: Any) -> Any:
        shelf.clear(user_id)
        return put(shelf, user_id, *more)

    monkeypatch.setattr(Shelf, "put_part", as_it_is_erased)
    assert await exports(world).round() == 0
    assert list(media.objects.list("exports/")) == []
    media.objects.put(f"exports/{ada.user_id}/1/part-000001-of-a-killed-one", io.BytesIO(b"words"), 5)
    assert await exports(world).round() == 0
    assert list(media.objects.list("exports/")) == []
