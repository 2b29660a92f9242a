"""What is refused: at the form, when it is attached, and to others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infra.media.kinds import MAX_IMAGE_BYTES
from schemas.media.events import MediaUploaded
from tests.media_world import media_world
from tests.pictures import image_file, video_file

if TYPE_CHECKING:
    from pathlib import Path

    from infra.media.decoder import Decoder
    from tests.command_world import User
    from tests.media_world import MediaWorld

BOUNDARY = "a-boundary"


def form(*parts: tuple[str, bytes]) -> bytes:
    made = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + it for name, it in parts
    ]
    return b"\r\n".join([*made, f"--{BOUNDARY}--\r\n".encode()])


JPEG = image_file()
FORMS: list[tuple[bytes, int, str]] = [
    (b"", 400, "body_invalid"),
    (form(("other", JPEG)), 400, "body_invalid"),
    (form(("file", JPEG), ("file", JPEG)), 400, "body_invalid"),
    (form(("alt_text", b"no file")), 400, "body_invalid"),
    (form(("file", JPEG))[:-30], 400, "body_invalid"),
    (form(("file", JPEG), ("alt_text", b"\xff\xfe")), 400, "body_invalid"),
    (form(("file", JPEG), ("alt_text", b"a" * 1_001)), 400, "alt_text_invalid"),
    (form(("file", JPEG), ("alt_text", b"a" * 20_000)), 400, "alt_text_invalid"),
    (form(*[("alt_text", b"")] * 20), 400, "body_invalid"),
    (form(("x" * 5_000, b"")), 400, "body_invalid"),
    (form(("file", b"<svg xmlns='http://www.w3.org/2000/svg'/>")), 415, "media_format_unsupported"),
    (form(("file", b"")), 415, "media_format_unsupported"),
    (form(("file", JPEG + b"\0" * MAX_IMAGE_BYTES)), 413, "media_too_large"),
]


async def send(user: User, content: bytes, kind: str = f"multipart/form-data; boundary={BOUNDARY}") -> Any:
    headers = {"Authorization": f"Bearer {user.access_token}", "Content-Type": kind}
    answer = await user.client.post("/api/v1/media", content=content, headers=headers)
    return answer.status_code, answer.json().get("code")


async def test_forms_that_are_none_are_refused_and_leave_nothing(tmp_path: Path, decoder: Decoder) -> None:
    async with media_world(tmp_path, decoder) as world:
        ada = await world.register()
        for content, status, code in FORMS:
            assert await send(ada, content) == (status, code), content[:80]
        for kind in ("application/json", "multipart/form-data", "multipart/mixed; boundary=x", ""):
            assert await send(ada, b"{}", kind) == (415, "media_type_unsupported"), kind
        assert world.commands.count(MediaUploaded) == 0
        assert world.keys() == []
        assert list((tmp_path / "tmp").iterdir()) == []


async def attach(user: User, *media_ids: str) -> Any:
    answer = await user.call("POST", "/tweets", {"content": "a", "media_ids": list(media_ids)})
    return answer.status_code, answer.json().get("code")


async def test_only_ones_own_media_that_are_ready_and_free_are_attached(tmp_path: Path, decoder: Decoder) -> None:
    async with media_world(tmp_path, decoder, rate_limits=False) as world:
        ada, bob = await world.register(), await world.register()
        one, two, three, four, five = [(await world.uploaded(ada, image_file()))["media_id"] for _ in range(5)]
        video, other = [(await world.uploaded(ada, video_file()))["media_id"] for _ in range(2)]
        bobs = (await world.uploaded(bob, image_file()))["media_id"]
        failed = await world.settled(ada, await world.upload(ada, b"\xff\xd8\xff" + b"x" * 99))
        assert (failed["status"], failed["reason"]) == ("failed", "not_decodable")

        assert await attach(ada, bobs) == (400, "media_unknown")
        assert await attach(ada, failed["media_id"]) == (409, "media_failed")
        assert await attach(ada, one, video) == (400, "media_mixed")
        assert await attach(ada, video, other) == (400, "media_mixed")
        assert (await attach(ada, one, two, three, four, five))[0] == 400
        assert await attach(ada, one, two, three, four) == (201, None)
        assert await attach(ada, video) == (201, None)
        assert await attach(ada, one) == (409, "media_in_use")
        assert (await ada.call("PATCH", f"/media/{one}", {"alt_text": "late"})).json()["code"] == "media_in_use"
        picture = await ada.call("PATCH", "/users/me", {"profile_image_id": other})
        assert picture.json()["code"] == "media_mixed"
        picture = await ada.call("PATCH", "/users/me", {"profile_image_id": five})
        assert picture.json()["profile_image_url"].startswith("/media/files/")
        again = await ada.call("PATCH", "/users/me", {"profile_image_id": five})
        assert again.status_code == 200, "as it is already"

        await world.processing.rest()
        waiting = await processing_upload(world, ada)
        assert await attach(ada, waiting) == (409, "media_not_ready")
        world.processing.running.set()


async def processing_upload(world: MediaWorld, user: User) -> str:
    world.commands.services.media._wait_s = 0.0  # type: ignore[union-attr]  # there is a store
    return str((await world.upload(user, image_file())).json()["media_id"])


async def test_an_upload_is_told_to_its_owner_alone_and_described_until_it_is_attached(
    tmp_path: Path, decoder: Decoder
) -> None:
    async with media_world(tmp_path, decoder) as world:
        ada, bob = await world.register(), await world.register()
        media_id = (await world.uploaded(ada, image_file()))["media_id"]
        path = f"/api/v1/media/{media_id}"
        assert (await world.get(path, ada)).json()["status"] == "ready"
        assert (await world.get(path, bob)).json()["code"] == "media_not_found"
        assert (await world.get(path)).json()["code"] == "token_missing"
        described = await ada.call("PATCH", f"/media/{media_id}", {"alt_text": " a bird "})
        assert described.json()["alt_text"] == "a bird"
        assert (await bob.call("PATCH", f"/media/{media_id}", {"alt_text": "mine"})).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["0/1.webp", "{media}/{other}.webp", "{media}/../../../keys", "{media}/{file}x", "{upload}", "{media}/{json}"],
)
async def test_no_other_object_can_be_asked_for(tmp_path: Path, decoder: Decoder, path: str) -> None:
    async with media_world(tmp_path, decoder) as world:
        ada = await world.register()
        told = await world.uploaded(ada, image_file())
        media, file = told["url"].split("/")[-2:]
        place = path.format(
            media=media, file=file, other="0" * 64, upload=f"..%2f..%2fuploads%2f{media}", json="0" * 64 + ".json"
        )
        assert (await world.get(f"/media/files/{place}")).status_code == 404


async def test_uploads_have_a_limit_of_their_own(tmp_path: Path, decoder: Decoder) -> None:
    limits: dict[str, Any] = {"rate_limits": True, "rate_limit_uploads_per_minute": 2}
    async with media_world(tmp_path, decoder, media_wait_ms=0, **limits) as world:  # else the minute is over meanwhile
        ada = await world.register()
        answers = [await world.upload(ada, image_file()) for _ in range(3)]
        assert [it.status_code for it in answers] == [201, 201, 429]
        assert int(answers[2].headers["Retry-After"]) > 0
