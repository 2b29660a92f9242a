"""Uploads that are announced, sent by themselves, and completed: over files, where the command process takes them."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from commands.media import promises
from commands.media.collector import Collector
from commands.media.promises import MAX_OPEN, STANDS_MS
from infra.clock import SystemClock
from infra.media.kinds import MAX_IMAGE_BYTES
from infra.objects.port import ObjectsUnavailableError
from schemas.media.events import MediaUploaded
from tests.media_world import media_world
from tests.pictures import image_file, video_file

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from infra.media.decoder import Decoder
    from tests.command_world import User

JPEG = image_file()
HOUR_MS = 3_600_000


class Ahead:
    """A clock that can be set forward."""

    def __init__(self) -> None:
        self.ms = 1_700_000_000_000

    def now_ms(self) -> int:
        self.ms += 1
        return self.ms


async def announced(user: User, content: bytes = JPEG, kind: str = "image/jpeg", **more: str) -> dict[str, Any]:
    answer = await user.call("POST", "/media/uploads", {"type": kind, "bytes": len(content), **more})
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def send(user: User, told: dict[str, Any], content: bytes = JPEG, **headers: str) -> httpx.Response:
    assert told["method"] == "PUT"
    sent = {**told["headers"], "content-length": str(len(content))}
    sent |= {name.replace("_", "-"): text for name, text in headers.items()}
    sent["Authorization"] = f"Bearer {user.access_token}"
    return await user.client.put(told["url"], content=content, headers=sent)


async def complete(user: User, told: dict[str, Any], **headers: str) -> httpx.Response:
    return await user.call("POST", f"/media/uploads/{told['media_id']}/complete", **headers)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


async def test_what_was_announced_and_sent_is_as_if_it_had_come_by_a_form(tmp_path: Path, decoder: Decoder) -> None:
    async with media_world(tmp_path, decoder) as world:
        ada, film = await world.register(), video_file()
        told = await announced(ada, film, "video/mp4", alt_text=" a second ")
        assert code(await complete(ada, told)) == (409, "media_not_sent")
        assert (await send(ada, told, film)).json() == {"media_id": told["media_id"], "bytes": len(film)}

        first = await complete(ada, told)
        shown = await world.settled(ada, first)
        assert (shown["media_id"], shown["type"], shown["status"]) == (told["media_id"], "video", "ready")
        assert shown["alt_text"] == "a second"
        again = (await complete(ada, told)).json()
        assert {name: again[name] for name in ("media_id", "status", "url")}.items() <= shown.items()
        [event] = [it for it in world.commands.events() if isinstance(it, MediaUploaded)]
        assert (event.size, event.sha256) == (len(film), hashlib.sha256(film).hexdigest())
        assert (await world.get(shown["url"])).status_code == 200
        assert world.keys("sent/") == world.keys("promised/") == []
        await world.forgets_uploads()
        posted = await ada.call("POST", "/tweets", {"content": "", "media_ids": [told["media_id"]]})
        assert posted.status_code == 201, posted.text
        assert code(await send(ada, told, film)) == (404, "media_not_found")


async def test_only_what_was_announced_is_taken_and_only_of_who_announced_it(tmp_path: Path, decoder: Decoder) -> None:
    async with media_world(tmp_path, decoder) as world:
        ada, bob = await world.register(), await world.register()
        told = await announced(ada)
        for content in (JPEG + b"!", JPEG[:-1], b""):
            assert code(await send(ada, told, content)) == (409, "media_not_sent")
        assert code(await send(ada, told, content_type="text/html")) == (415, "media_type_unsupported")
        assert code(await send(bob, told)) == (404, "media_not_found")
        assert code(await complete(bob, told)) == (404, "media_not_found")
        assert world.keys("sent/") == []
        assert (await send(ada, told)).status_code == 200
        assert code(await complete(bob, told)) == (404, "media_not_found")
        assert (await complete(ada, told)).status_code == 201
        assert code(await complete(bob, told)) == (404, "media_not_found")
        assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "size", "expected"),
    [
        ("image/svg+xml", 10, (415, "media_format_unsupported")),
        ("image/png", MAX_IMAGE_BYTES + 1, (413, "media_too_large")),
        ("video/mp4", 1 << 40, (413, "media_too_large")),
        ("image/png", 0, (400, "body_invalid")),
        ("x" * 65, 1, (400, "body_invalid")),
    ],
)
async def test_what_would_not_be_taken_cannot_be_announced(
    tmp_path: Path, decoder: Decoder, kind: str, size: int, expected: tuple[int, str]
) -> None:
    async with media_world(tmp_path, decoder) as world:
        ada = await world.register()
        assert code(await ada.call("POST", "/media/uploads", {"type": kind, "bytes": size})) == expected
        assert world.keys() == []


async def test_the_type_is_told_by_the_first_bytes_whatever_was_announced(tmp_path: Path, decoder: Decoder) -> None:
    async with media_world(tmp_path, decoder) as world:
        ada = await world.register()
        page = await announced(ada, b"<html>" * 9, "image/png")
        await send(ada, page, b"<html>" * 9)
        assert code(await complete(ada, page)) == (415, "media_format_unsupported")
        large = JPEG + bytes(MAX_IMAGE_BYTES)
        film = await announced(ada, large, "video/mp4")
        await send(ada, film, large)
        assert code(await complete(ada, film)) == (413, "media_too_large")
        assert world.commands.count(MediaUploaded) == 0
        assert world.keys("uploads/") == []


async def test_it_is_said_once_however_many_complete_it_at_once(tmp_path: Path, decoder: Decoder) -> None:
    async with media_world(tmp_path, decoder) as world:
        ada = await world.register()
        told = await announced(ada)
        await send(ada, told)
        answers = await asyncio.gather(*(complete(ada, told) for _ in range(4)))
        assert {(it.status_code, it.json()["media_id"]) for it in answers} == {(201, told["media_id"])}
        assert world.commands.count(MediaUploaded) == 1


async def test_one_announcement_is_one_under_its_idempotency_key(tmp_path: Path, decoder: Decoder) -> None:
    async with media_world(tmp_path, decoder) as world:
        ada = await world.register()
        body = {"type": "image/jpeg", "bytes": len(JPEG)}
        first, again = [await ada.call("POST", "/media/uploads", body, Idempotency_Key="once") for _ in range(2)]
        assert first.json() == again.json()
        assert len(world.keys("promised/")) == 1
        await send(ada, first.json())
        assert (await complete(ada, first.json(), Idempotency_Key="done")).status_code == 201
        replayed = await complete(ada, first.json(), Idempotency_Key="done")
        assert replayed.headers["Idempotency-Replayed"] == "true"


async def test_an_account_has_ten_open_uploads_however_fast_it_asks(tmp_path: Path, decoder: Decoder) -> None:
    clock = Ahead()
    async with media_world(tmp_path, decoder, clock, access_token_minutes=600) as world:
        ada, bob = await world.register(), await world.register()
        body = {"type": "image/jpeg", "bytes": len(JPEG)}
        asked = await asyncio.gather(*(ada.call("POST", "/media/uploads", body) for _ in range(MAX_OPEN + 5)))
        kept = [it for it in asked if it.status_code == 201]
        assert {code(it) for it in asked if it.status_code != 201} == {(409, "too_many_uploads")}
        for _ in range(MAX_OPEN - len(kept)):  # of several at once each may give way to the others
            await announced(ada)
        assert code(await ada.call("POST", "/media/uploads", body)) == (409, "too_many_uploads")
        await announced(bob)
        assert len(world.keys("promised/")) == MAX_OPEN + 1
        clock.ms += STANDS_MS
        await announced(ada)


async def test_an_announcement_ends_and_what_was_never_completed_is_collected(tmp_path: Path, decoder: Decoder) -> None:
    clock = Ahead()
    async with media_world(tmp_path, decoder, clock, access_token_minutes=600) as world:
        clock.ms = SystemClock().now_ms()
        ada = await world.register()
        never, late = await announced(ada), await announced(ada)
        for it in (never, late):
            await send(ada, it)
        clock.ms += HOUR_MS
        assert code(await send(ada, late)) == (404, "media_not_found")
        assert (await complete(ada, late)).status_code == 201, "bytes that were there in time"
        clock.ms += HOUR_MS
        assert code(await complete(ada, never)) == (404, "media_not_found")
        await Collector(world.commands.services).round()
        assert len(world.keys("sent/")) == len(world.keys("promised/")) == 1, "not before its day is over"
        clock.ms += 23 * HOUR_MS
        await Collector(world.commands.services).round()
        assert world.keys("sent/") == world.keys("promised/") == []


@pytest.mark.parametrize("step", ["arrived", "forget"])
async def test_what_was_cut_off_at_any_step_is_completed_by_asking_again(
    tmp_path: Path, decoder: Decoder, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with media_world(tmp_path, decoder) as world:
        ada = await world.register()
        told = await announced(ada)
        await send(ada, told)
        done = getattr(promises, step)

        def cut_off(*about: Any) -> None:
            if step == "arrived":
                done(*about)
            raise ObjectsUnavailableError("gone")

        with monkeypatch.context() as patch:
            patch.setattr(promises, step, cut_off)
            assert (await complete(ada, told)).status_code == (503 if step == "arrived" else 201)
        again = await complete(ada, told)
        assert (await world.settled(ada, again))["status"] == "ready"
        assert world.commands.count(MediaUploaded) == 1
        assert world.keys("sent/") == world.keys("promised/") == []
        await world.forgets_uploads()
