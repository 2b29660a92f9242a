"""Uploads that go past the command process: straight to the store, by an address for just what was announced."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest

from commands.media.service import MediaParts
from infra.clock import SystemClock
from schemas.media.events import MediaUploaded
from schemas.media.paths import upload_key
from tests.command_world import command_world
from tests.contract.object_backends import own_bucket
from tests.pictures import image_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.objects.s3 import S3Objects
    from infra.servers import Fleet

pytestmark = pytest.mark.cluster

JPEG = image_file()
HOUR_MS = 3_600_000


class Behind:
    """A clock as it was when an address was made that is good no more."""

    def now_ms(self) -> int:
        return SystemClock().now_ms() - HOUR_MS - 60_000


@pytest.fixture(scope="module")
def objects(fleet: Fleet) -> Iterator[S3Objects]:
    if not fleet.alive("objects"):
        fleet.start("objects")
    with own_bucket(fleet, "direct") as store:
        yield store


async def test_the_bytes_of_an_announced_upload_go_straight_to_the_store(tmp_path: Path, objects: S3Objects) -> None:
    async with command_world(tmp_path, media_wait_ms=0) as world:
        world.app.state.services = replace(world.services, media=MediaParts(objects, tmp_path / "tmp", 0))
        ada, bob = await world.register(), await world.register()
        asked = await ada.call("POST", "/media/uploads", {"type": "image/jpeg", "bytes": len(JPEG), "alt_text": "a"})
        told = asked.json()
        assert told["url"].startswith(objects.where), told
        path = f"/media/uploads/{told['media_id']}/complete"
        assert (await ada.call("POST", path)).json()["code"] == "media_not_sent"

        async with httpx.AsyncClient(timeout=60) as client:
            for content, headers in (
                (JPEG + b"!", {"content-type": "image/jpeg"}),
                (JPEG[1:], {"content-type": "image/jpeg"}),
                (JPEG, {"content-type": "text/html"}),
                (JPEG, {}),
            ):
                refused = await client.put(told["url"], content=content, headers=headers)
                assert refused.status_code == httpx.codes.FORBIDDEN, headers
            another = told["url"].replace("sent/", "uploads/")
            assert (await client.put(another, content=JPEG, headers=told["headers"])).status_code == 403
            assert (await client.put(told["url"], content=JPEG, headers=told["headers"])).status_code == 200

            assert (await bob.call("POST", path)).status_code == 404
            first = await ada.call("POST", path)
            assert (first.status_code, first.json()["status"]) == (201, "processing"), first.text
            assert (await client.put(told["url"], content=JPEG[::-1], headers=told["headers"])).status_code == 200
        assert (await ada.call("POST", path)).json() == first.json()
        [event] = [it for it in world.events() if isinstance(it, MediaUploaded)]
        assert (event.sha256, event.size) == (hashlib.sha256(JPEG).hexdigest(), len(JPEG))
        with objects.open(upload_key(event.media_id)) as kept:
            assert kept.read() == JPEG, "who sends again after it was completed changes nothing"


def test_an_address_is_refused_once_it_has_expired(objects: S3Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(objects, "_clock", Behind())
        allowed = objects.presigned_put("sent/late", len(JPEG), "image/jpeg", HOUR_MS // 1000)
    assert allowed is not None
    assert (
        httpx.put(allowed.url, content=JPEG, headers=dict(allowed.headers), timeout=60).status_code
        == httpx.codes.FORBIDDEN
    )
    assert objects.stat("sent/late") is None
