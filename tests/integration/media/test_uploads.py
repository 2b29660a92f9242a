"""An upload from its form to what followers see of it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from schemas.media.events import MediaReady, MediaUploaded
from tests.media_world import media_world
from tests.pictures import image_file, video_file, with_metadata

if TYPE_CHECKING:
    from pathlib import Path

    from infra.media.decoder import Decoder


async def test_a_picture_goes_from_its_form_to_a_tweet_that_shows_it(tmp_path: Path, decoder: Decoder) -> None:
    async with media_world(tmp_path, decoder) as world:
        ada = await world.register()
        told = await world.uploaded(ada, image_file(), "a red and a blue half")
        assert (told["type"], told["width"], told["height"]) == ("image", 64, 48)
        assert set(told["thumbnails"]) == {"small", "medium", "large"}

        answer = await ada.call("POST", "/tweets", {"content": "", "media_ids": [told["media_id"]]})
        assert answer.status_code == 201, answer.text
        tweet = answer.json()
        assert tweet["media"][0]["url"] == told["url"]
        assert tweet["media"][0]["alt_text"] == "a red and a blue half"

        file = await world.get(told["url"])
        assert file.status_code == 200
        assert file.headers["content-type"] == "image/jpeg"
        assert Image.open(io.BytesIO(file.content)).size == (64, 48)
        await world.forgets_uploads()


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
async def test_what_is_shown_is_turned_upright_and_says_nothing_of_where_it_was_taken(
    tmp_path: Path, decoder: Decoder, orientation: int
) -> None:
    async with media_world(tmp_path, decoder) as world:
        ada = await world.register()
        told = await world.uploaded(ada, with_metadata(orientation))
        shown = Image.open(io.BytesIO((await world.get(told["url"])).content))
        assert shown.size == ((48, 64) if orientation > 4 else (64, 48))
        red = {1: (8, 24), 3: (56, 24), 6: (24, 8), 8: (24, 56)}[orientation]
        pixel = shown.getpixel(red)
        assert isinstance(pixel, tuple)
        assert pixel[0] > pixel[2]
        for key in world.keys("media/"):
            with world.objects.open(key) as file:
                content = file.read()
            assert not any(word in content for word in (b"Secret", b"GPS", b"Exif"))


async def test_a_video_has_a_length_and_a_poster(tmp_path: Path, decoder: Decoder) -> None:
    async with media_world(tmp_path, decoder) as world:
        ada = await world.register()
        told = await world.uploaded(ada, video_file())
        assert (told["type"], told["duration"]) == ("video", 1.0)
        poster = await world.get(told["poster"]["url"])
        assert poster.headers["content-type"] == "image/webp"
        part = await world.get(told["url"], Range="bytes=0-9")
        assert (part.status_code, len(part.content)) == (206, 10)


async def test_a_repeated_upload_is_one_under_its_idempotency_key(tmp_path: Path, decoder: Decoder) -> None:
    async with media_world(tmp_path, decoder) as world:
        ada = await world.register()
        first = await world.upload(ada, image_file(), Idempotency_Key="once")
        again = await world.upload(ada, image_file(), Idempotency_Key="once")
        assert first.json() == again.json()
        await world.settled(ada, first)
        assert again.headers["Idempotency-Replayed"] == "true"
        other = await world.upload(ada, image_file("image/png"), Idempotency_Key="once")
        assert other.json()["code"] == "idempotency_key_reused"
        assert world.commands.count(MediaUploaded) == world.commands.count(MediaReady) == 1
        await world.forgets_uploads()
